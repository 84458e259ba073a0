package fault

// shopping lists what is refused about prices, cards, notifications and the dialect of /api.
var shopping = []Entry{
	{
		Reason: "CROSS_ORIGIN", Code: PermissionDenied, Stage: Caller, Cause: "A browser sent the request for a page of another origin.",
		Cure: "Call /api from your server, or from pages of its own origin.",
	},
	{
		Reason: "SIGNATURE_INVALID", Code: Unauthenticated, Stage: Caller,
		Cause: "The signature is missing, or not that of this body by a key of this client's.",
		Cure:  "Sign the body without `signature` in canonical JSON (RFC 8785), as docs/api-dialect.md shows.",
	},
	{
		Reason: "INVALID_JSON", Code: InvalidArgument, Stage: Body, Cause: "The body of a request of /api is no JSON object.",
		Cure: "Mend it at the place that the message names.",
	},
	{
		Reason: "NOTIFICATION_TYPE_UNKNOWN", Code: InvalidArgument, Stage: Request, Cause: "The type is none of email and sms.",
		Cure: "Send one of them.",
	},
	{
		Reason: "PAYMENT_METHOD_UNSUPPORTED", Code: InvalidArgument, Stage: Request, Cause: "The payment method is not taken.",
		Cure: "Pay by credit_card.",
	},
	{
		Reason: "PAYMENT_MEANS_AMBIGUOUS", Code: InvalidArgument, Stage: Meaning, Cause: "Both a card and a payment token were sent.",
		Cure:   "Send one of them.",
		Raises: []string{"CARD_NUMBER_INVALID", "CARD_EXPIRY_INVALID", "CARD_EXPIRED", "CARD_CVV_INVALID", "PAYMENT_TOKEN_INVALID"},
	},
	{
		Reason: "CARD_NUMBER_INVALID", Code: InvalidArgument, Stage: Meaning,
		Cause: "The card's number fails its check digit or its brand's length.",
		Cure:  "Have the payer type it again.", Raises: []string{"CARD_EXPIRY_INVALID", "CARD_EXPIRED", "CARD_CVV_INVALID"},
	},
	{
		Reason: "CARD_EXPIRY_INVALID", Code: InvalidArgument, Stage: Meaning, Cause: "The expiry is no month and year.",
		Cure: "Send the month as 1 to 12 and the year in four digits.", Raises: []string{"CARD_EXPIRED", "CARD_CVV_INVALID"},
	},
	{
		Reason: "CARD_EXPIRED", Code: InvalidArgument, Stage: Meaning, Cause: "The card has expired.", Cure: "Use another card.",
		Raises: []string{"CARD_CVV_INVALID"},
	},
	{
		Reason: "CARD_CVV_INVALID", Code: InvalidArgument, Stage: Meaning, Cause: "The security code has another length than the brand's.",
		Cure: "Have the payer type it again.",
	},
	{
		Reason: "CARD_REFUSED", Code: InvalidArgument, Stage: Replay, Cause: "The gateway does not take the card; `decline_reason` says why.",
		Cure: "Use another card.",
	},
	{
		Reason: "GATEWAY_UNAVAILABLE", Code: Unavailable,
		Cause: "The gateway cannot be reached to take the card, or to list its payments. Nothing was done.",
		Cure:  again,
	},
	{
		Reason: "GATEWAY_UNKNOWN", Code: InvalidArgument, Stage: Meaning,
		Cause: "No gateway of that name is called by this process, or it cannot list its payments.",
		Cure:  "Send one of `valid`, or ask a process with the role effect.",
	},
	{
		Reason: "LOCALE_INVALID", Code: InvalidArgument, Stage: Meaning,
		Cause:  "The locale is none of BCP 47.",
		Cure:   "Send one such as de-CH.",
		Raises: []string{"ADDRESS_INVALID", "ID_INVALID", "TEMPLATE_UNKNOWN"},
	},
	{
		Reason: "ADDRESS_INVALID", Code: InvalidArgument, Stage: Meaning, Cause: "The address is no e-mail address, or no number of E.164.",
		Cure: "Send name@example.org, or +4915112345678.",
	},
	{
		Reason: "ID_INVALID", Code: InvalidArgument, Stage: Meaning,
		Unshown: "the contract's pattern refuses nearly all such ids before, as VALIDATION_FAILED",
		Cause:   "The order's id is not `order:<uuid>`.",
		Cure:    "Send it as the API has answered it.",
		Raises:  []string{"TEMPLATE_UNKNOWN"},
	},
	{
		Reason: "TEMPLATE_UNKNOWN", Code: InvalidArgument, Stage: Meaning,
		Cause:  "There is no such template.",
		Cure:   "Name one of those of docs/notifications.md.",
		Raises: []string{"PARAMETERS_UNFIT"},
	},
	{
		Reason: "PARAMETERS_UNFIT", Code: InvalidArgument, Stage: Meaning, Cause: "The parameters do not fill the template.",
		Cure: "Send those that the message names.",
	},
	{
		Reason: "CSV_EMPTY", Code: InvalidArgument, Stage: Meaning,
		Cause:  "The list has no lines.",
		Cure:   "Send a line of names and lines of prices.",
		Raises: []string{"CSV_HEADER"},
	},
	{
		Reason: "CSV_HEADER", Code: InvalidArgument, Stage: Meaning, Cause: "The first line does not name the columns.",
		Cure: "Write sku,currency,price there.", Raises: []string{"IMPORT_TOO_LONG", "IMPORT_INVALID"},
	},
	{
		Reason: "IMPORT_TOO_LONG", Code: InvalidArgument, Stage: Meaning, Cause: "The list has more lines than are taken at once.",
		Cure: "Import it in parts.", Raises: []string{"IMPORT_INVALID"},
	},
	{
		Reason: "IMPORT_INVALID", Code: InvalidArgument, Stage: Meaning, Cause: "Lines are wrong; all of them are told, and none was taken.",
		Cure: "Mend the lines of `field_violations`.",
	},
	{
		Reason: "PRODUCT_UNKNOWN", Code: InvalidArgument, Stage: Condition,
		Cause:  "The catalogue has no such product.",
		Cure:   "Order what it has.",
		Raises: []string{"AMOUNT_INVALID", "AMOUNT_MISMATCH"},
	},
	{
		Reason: "AMOUNT_INVALID", Code: InvalidArgument, Stage: Condition, Cause: "The amount is no decimal number of the currency.",
		Cure: "Send no more decimals than the currency has.", Raises: []string{"AMOUNT_MISMATCH"},
	},
	{
		Reason: "AMOUNT_MISMATCH", Code: InvalidArgument, Stage: Condition,
		Cause: "The amount is not what the order comes to; `amount_minor` names that.",
		Cure:  "Show it to the buyer and send it.",
	},
	{
		Reason: "PRICE_CHANGED", Code: FailedPrecondition, Stage: Condition,
		Cause: "A price is not the catalogue's; `amount_minor` names that.",
		Cure:  "Show it to the buyer and order again.",
	},
	{
		Reason: "CONTACT_MISSING", Code: FailedPrecondition, Stage: Condition, Cause: "The user has no contact.", Cure: "Put one first.",
	},
	{
		Reason: "NOTIFICATION_SUPPRESSED", Code: FailedPrecondition, Stage: Condition,
		Cause: "The user has opted out of the channel, or has no address for it.", Cure: "Put an address, or use another channel.",
	},
	{
		Reason: "CHANNEL_UNCONFIGURED", Code: Unimplemented, Stage: Condition, Final: true,
		Cause: "The server has no transport for the channel.", Cure: "Use another channel, or have one configured.",
	},
	{
		Reason: "CATALOGUE_OPENED", Code: Aborted, Stage: Condition, Internal: true,
		Cause:   "The shop has a catalogue now.",
		Cure:    "The order is decided with its prices.",
		Unshown: "the edge decides again by itself",
	},
}
