package fault

// wagering lists what the dialect of providers is refused with (requirement P-5).
var wagering = []Entry{
	{
		Reason: "NOT_IMPLEMENTED", Code: Unimplemented, Stage: Meaning, Final: true,
		Cause: "The method stands in the contract and is not built yet. The request was checked, and nothing was done.",
		Cure:  "None: wait for a version that has it.", Unshown: "every method of the contract is built at present",
	},
	{
		Reason: "DUPLICATE", Code: AlreadyExists, Stage: Condition, Final: true,
		Cause: "There is such a bet, result, session, player, bonus, jackpot or trigger already, with another amount or content; such a round " +
			"of another game; or a trigger by the same bet or round, which `id` names.",
		Cure: "Read it. Use a new id for a new one.",
	},
	{
		Reason: "INVALID_STATE", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "The bet, round, session, bonus, jackpot or trigger is in a state that does not allow it; `status` names the state.",
		Cure:  "Read it and decide anew.",
	},
	{
		Reason: "STALE_PLAYER", Code: Aborted, Stage: Condition, Internal: true,
		Cause: "The session, bet, bonus, jackpot or trigger came to be, or was changed, or another bonus was activated, while it was looked up.",
		Cure:  "The command is made again.",
	},
	{
		Reason: "TOO_MANY_JACKPOTS", Code: FailedPrecondition, Stage: Condition,
		Cause: "The game `game_id` feeds as many jackpots as it can.", Cure: "Close one of them, or leave the game out.",
		Raises: []string{"INVALID_STATE"},
	},
	{
		Reason: "RG_BLOCK", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "The player has excluded themselves, pauses, or may not play for another reason of responsible gambling.",
		Cure:  "Let the player go; do not try again.",
	},
	{
		Reason: "KYC_REQUIRED", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "The operator has players verified before they withdraw or pay from the wallet, and this one is not; see `kyc_status`.",
		Cure:  "Have the player checked, and tell by SetKycStatus.",
	},
	{
		Reason: "LIMIT_EXCEEDED", Code: FailedPrecondition, Stage: Condition,
		Cause:  "The bet passes a limit of the player, the session or the active bonus; `limit` names which, `left` what is left of it.",
		Cure:   "Bet less, or later.",
		Raises: []string{"INSUFFICIENT_FUNDS"},
	},
	{
		Reason: "INSUFFICIENT_FUNDS", Code: FailedPrecondition, Stage: Condition,
		Cause: "There is less than the amount; `available` names how much, in `currency`.", Cure: "Ask for less, or have the player pay in.",
	},
	{
		Reason: "WAGERING_INVALID", Code: InvalidArgument, Stage: Meaning,
		Cause: "The amount of a bonus, times its multiplier, is more than an amount can be.", Cure: "Ask for less wagering.",
	},
	{
		Reason: "EXPIRY_INVALID", Code: InvalidArgument, Stage: Condition, Final: true,
		Cause: "The end of a bonus is in the past, or further away than a year.", Cure: "Send an end that is to come.",
	},
}
