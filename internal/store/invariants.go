package store

import (
	"fmt"
	"strings"
)

// What must hold whatever happens, in sentences (requirement X-2). Every store checks all of it in SQL of its own, and answers findings
// under these sentences, so that `oms verify` says the same of every database. storetest holds the stores to it, and plants a violation
// of each.
const (
	PricesHaveCatalogue = "every tenant that has a price has a catalogue, which orders rest on not being there"
	ItemsAddUp          = "every item's reserved and sold pieces are those of the reservations, and it reserves no more than it has"
	TransfersSumToZero  = "every transfer has two entries or more and sums to zero, and every entry belongs to a transfer"
	CurrenciesSumToZero = "the entries of every currency sum to zero"
	EntriesAreNumbered  = "the entries of guarded accounts, and no others, are numbered, and every entry has the time of its transfer"
	BalancesFollow      = "the entries of every guarded account are numbered from 1 without gaps, lead " +
		"to its balance, and never below zero"
	HoldsAddUp        = "what is held of every account is what its open holds set aside, and no more than its balance"
	CapturesAreBooked = "of every hold as much was captured as its captures were booked with, and an open one that expires has its timer"
	CheckpointsAddUp  = "every checkpoint is the sum of the entries up to its time, at which the books " +
		"are closed, of an account without a row"
	PlayerPaymentsBooked = "every player's payment that has succeeded, and no other, is booked on the player's account with its amount"
	WithdrawalsAreHeld   = "every withdrawal has its amount set aside while it is under way, taken when " +
		"it has succeeded, and free again when not"
	PlayerPaymentsCall = "every player's payment that is under way has a call that is open or given up, and one that has ended has " +
		"none but a void"
	PaymentsAreBooked    = "every payment has captured and refunded, and lost by disputes, what the ledger says"
	NamedByTheirOrder    = "every payment, reservation and transfer has the identifier of its order"
	NoMoreThanCaptured   = "no payment refunds and loses by disputes more than it captured"
	DisputesAddUp        = "every payment's disputed and charged back amounts are those of its disputes, and its order says the same"
	AmountsAreSums       = "every order has lines, and its amount is the sum of its lines and adjustments"
	OrdersFollowPayments = "no order claims more captured or refunded money than its payment, nor less once things have " +
		"settled, unless a letter tells"
	ConfirmedIsPaid      = "every confirmed order is paid in full and has its pieces sold"
	ReservationsAreLines = "every reserved, paid or confirmed order has exactly its lines in its reservation"
	CanceledGivesBack    = "every canceled order has given back its pieces and, once things have settled, its " +
		"money, or is giving it back, or a letter tells"
	EventsAreNumbered = "every aggregate's events are numbered from 1 to its version without gaps"
	PositionsFollow   = "the positions of events and batches follow each other without gaps from 1"
	UnpaidHasTimer    = "every unpaid order without a payment under way has an expiry timer, or a dead letter of it"
	GivenUpHasTimer   = "every call that was given up before its time was over has the timer that asks about it then"
	NoCallAfterTheEnd = "no call but the void after a refused capture is open of a payment that was declined, voided or refunded in full"
	BetsAreHeld       = "of every bet the player's own part is held while it is open, taken when it is settled, free when it is rolled back, and " +
		"never was of one that was rolled back before it came"
	BetsWinTheirResults = "every bet has won what its results say; it is settled when the last one is " +
		"told, and none of one that was rolled back"
	WinsAreBooked   = "every win was credited once to whoever has bet, and nothing else was credited as one"
	BetsHaveSession = "every bet that came is of a session and round that there are, with the player and game of the session"

	BonusPartsAreHeld = "of every bet the bonus's part is held while it is open, taken when it is settled, free when it is rolled back; nothing " +
		"else holds bonus money"
	OneBonusIsActive = "every player has one active bonus at most, which the player's row names, and " +
		"without one no bonus money that no bet holds"
	BonusesAreCredited = "every bonus that was activated, and no other, was credited once; and as much " +
		"became the players' own as the bonuses say"
	BonusesAreWagered = "of every bonus as much is wagered as its bets that were settled in time say, a " +
		"converted one's is complete, and others' is not"
	BonusesHaveTimer = "every bonus that has not ended has the timer that ends it"
	PoolsAddUp       = "in the pool of every jackpot is what the house and bets have put in, less what " +
		"was paid and given back, as the ledger tells"
	ContributionsBooked = "every contribution of a bet was booked for the jackpot that it names, and nothing else was booked as one"
	ContributionsLast   = "of what bets have given to every jackpot was collected what it says, and no more than there was"
	TriggersAreHeld     = "of every trigger the amount is set aside until it is paid, once, to its winner, or " +
		"given up; nothing else is set aside of a pool"
	// TriggersRestOnBets looks past what may have changed since: a bet that was rolled back later, games of terms that were made later.
	TriggersRestOnBets = "every trigger that stands rests on a bet of its player, in its round, that had not been rolled back, and in a game of " +
		"its jackpot where it came more than two minutes after the terms"
	CausesTriggerOnce = "no two triggers of a jackpot that stand rest on the same bet, nor on a bet and on its whole round"
	SeedsComeBack     = "every open jackpot has given back the seeds in the place of triggers that were given up, or owes them and has nothing " +
		"free; a closed one owes nothing"
	FeedsAreTerms  = "the games of every open jackpot, and no others, feed it by its terms"
	BetsContribute = "every bet that was taken more than two minutes after the terms of a jackpot of " +
		"its game were made has given to it by them"
	SandboxPaysPlay   = "every player's payment in a sandbox goes through the simulator"
	SandboxHasBegun   = "no player is in a generation of a sandbox that has not begun"
	WalletPaymentsAdd = "every order's payment from a wallet is set aside while it is authorized, taken when it is captured and given back as it " +
		"says, all on its customer's account, and no gateway is called"
	GatewaysTouchNoWallet = "no payment that is made at a gateway sets aside or moves a player's money"
)

// Shadow has a statement look past rows: every name of a table in it stands for those of its rows that keep allows. Places of events in the
// log are everybody's, so PositionsFollow is not shadowed.
func Shadow(tables []string, schema, keep, statement string) string {
	var shadows []string
	for _, table := range tables {
		shadows = append(shadows, fmt.Sprintf("%[1]s AS NOT MATERIALIZED (SELECT * FROM %[2]s%[1]s WHERE %[3]s)", table, schema, keep))
	}
	text := "WITH " + strings.Join(shadows, ", ")
	if rest, found := strings.CutPrefix(statement, "WITH "); found {
		return text + ", " + rest
	}
	return text + " " + statement
}

// Invariants are all of them.
var Invariants = []string{
	PricesHaveCatalogue, ItemsAddUp, TransfersSumToZero, CurrenciesSumToZero, EntriesAreNumbered, BalancesFollow, HoldsAddUp,
	CapturesAreBooked, CheckpointsAddUp, PlayerPaymentsBooked, WithdrawalsAreHeld, PlayerPaymentsCall, PaymentsAreBooked, NamedByTheirOrder,
	NoMoreThanCaptured, DisputesAddUp, AmountsAreSums, OrdersFollowPayments, ConfirmedIsPaid, ReservationsAreLines, CanceledGivesBack,
	EventsAreNumbered, PositionsFollow, UnpaidHasTimer, GivenUpHasTimer, NoCallAfterTheEnd, BetsAreHeld, BetsWinTheirResults, WinsAreBooked,
	BetsHaveSession,
	BonusPartsAreHeld, OneBonusIsActive, BonusesAreCredited, BonusesAreWagered, BonusesHaveTimer,
	PoolsAddUp, ContributionsBooked, ContributionsLast, TriggersAreHeld, TriggersRestOnBets, CausesTriggerOnce, SeedsComeBack, FeedsAreTerms,
	BetsContribute,
	SandboxPaysPlay, SandboxHasBegun, WalletPaymentsAdd, GatewaysTouchNoWallet,
}
