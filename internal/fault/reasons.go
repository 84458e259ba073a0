package fault

// Statuses of HTTP that no code stands for (RFC 9110).
const (
	statusNotFound         = 404
	statusMethodNotAllowed = 405
	statusRequestTimeout   = 408
	statusContentTooLarge  = 413
	statusMediaType        = 415
	statusHeaderTooLarge   = 431
)

// again is the cure of what passes by itself.
const again = "Repeat the request with the same idempotency key, after the time that the answer names."

// passing lists what is no fault of the request.
var passing = []Entry{
	{Reason: "INTERNAL", Code: Internal, Cause: "A fault of the server; its log has the cause under the trace id.", Cure: again},
	{
		Reason: "STORE_UNAVAILABLE", Code: Unavailable, Cause: "The database cannot be reached. Nothing was done.", Cure: again,
	},
	{
		Reason: "OUTCOME_UNKNOWN", Code: Unavailable, Cause: "The connection to the database broke during the commit.",
		Cure: "Repeat the request with the same idempotency key: it answers what became of the first. GetOperation tells too.",
	},
	{Reason: "CONTENTION", Code: Unavailable, Cause: "Too many others change the same rows. Nothing was done.", Cure: again},
	{
		Reason: "QUEUE_FULL", Code: ResourceExhausted, Cure: again,
		Cause: "More commands wait than the server takes, or this one has waited too long among many. Nothing was done.",
	},
	{Reason: "SHUTTING_DOWN", Code: Unavailable, Cause: "The server is being stopped. Nothing was done.", Cure: again},
	{Reason: "TOO_MANY_REQUESTS", Code: ResourceExhausted, Cause: "More calls are under way than the server takes.", Cure: again},
	{
		Reason: "TOO_MANY_FOLLOWERS", Code: ResourceExhausted, Cause: "More feeds are open than the server takes.",
		Cure: "Follow many orders with one WatchOrders; or try again later.",
	},
	{
		Reason: "FOLLOWER_TOO_SLOW", Code: ResourceExhausted, Cause: "Changes came faster than the follower took them.",
		Cure: "Follow again from the last resume_token or version seen.",
	},
	{
		Reason: "FEED_UNAVAILABLE", Code: Unavailable, Cause: "The feed has ended, as when the server stops.",
		Cure: "Follow again from the last resume_token or version seen.",
	},
	{
		Reason: "DEADLINE_EXCEEDED", Code: DeadlineExceeded, Cause: "The call's time was over before its answer.",
		Cure: "Repeat the request with the same idempotency key: it answers what became of the first. GetOperation tells too.",
	},
	{Reason: "CANCELED", Code: Canceled, Cause: "The caller went away before the answer.", Cure: "As for DEADLINE_EXCEEDED."},
	{
		Reason: "CLIENT_GONE", Code: Canceled, Cause: "The reader of an event stream went away.", Cure: "Nobody is there to be told.",
	},
}

// reaching lists what a request is refused with before its message is looked at.
var reaching = []Entry{
	{
		Reason: "MALFORMED_REQUEST", Code: InvalidArgument, Stage: Connection, Cause: "The bytes are not a request of HTTP/1.1.",
		Cure: "Send what RFC 9112 asks for; any HTTP library does.",
	},
	{
		Reason: "HEADER_TOO_LARGE", Code: InvalidArgument, Stage: Connection, Status: statusHeaderTooLarge,
		Cause: "The header is longer than the server takes.",
		Cure:  "Send fewer or shorter headers; `limit_bytes` names the limit.",
	},
	{
		Reason: "UNSUPPORTED_TRANSFER_ENCODING", Code: Unimplemented, Stage: Connection, Cause: "Transfer-Encoding is not chunked.",
		Cure: "Send the body with a Content-Length, or chunked.",
	},
	{
		Reason: "AUTH_FAILED", Code: Unauthenticated, Stage: Caller, Cause: "There is no bearer token, or it is not known.",
		Cure:   "Send `Authorization: Bearer <token>` with a token of the server's credentials.",
		Raises: []string{"SANDBOX_FORBIDDEN", "SANDBOX_ONLY", "SCOPE_MISSING", "ORIGIN_FORBIDDEN"},
	},
	{
		Reason: "SANDBOX_FORBIDDEN", Code: PermissionDenied, Stage: Caller,
		Cause:  "A credential of real money called the sandbox.",
		Cure:   "Use a credential of the sandbox, or ask the operator for one whose entry has `\"sandbox\": true` or `\"sandbox_too\": true`.",
		Raises: []string{"SANDBOX_ONLY", "SCOPE_MISSING", "ORIGIN_FORBIDDEN"},
	},
	{
		Reason: "SANDBOX_ONLY", Code: PermissionDenied, Stage: Caller,
		Cause:  "A credential of the sandbox, or a call with X-Sandbox, meant something that the sandbox does not have, such as orders.",
		Cure:   "Use a credential of real money, and leave X-Sandbox out.",
		Raises: []string{"SCOPE_MISSING", "ORIGIN_FORBIDDEN"},
	},
	{
		Reason: "SCOPE_MISSING", Code: PermissionDenied, Stage: Caller, Cause: "The credential lacks the scope that the method needs.",
		Cure:   "Use a credential with the scope named in `scope`, or ask the operator for it.",
		Raises: []string{"ORIGIN_FORBIDDEN"},
	},
	{
		Reason: "ORIGIN_FORBIDDEN", Code: PermissionDenied, Stage: Caller,
		Cause: "The credential may not call for the provider, brand or region that the header named in `header` says.",
		Cure:  "Send the provider, brand and region of the credential, or ask the operator for one that may.",
	},
	{
		Reason: "ROUTE_NOT_FOUND", Code: NotFound, Stage: Target, Status: statusNotFound, Cause: "There is no such path.",
		Cure: "Look the path up in the document that the message names, such as /openapi.yaml.", Raises: []string{"METHOD_NOT_ALLOWED"},
	},
	{
		Reason: "METHOD_NOT_ALLOWED", Code: Unimplemented, Stage: Target, Status: statusMethodNotAllowed,
		Cause: "The path does not take this HTTP method.",
		Cure: "Use one that the header `Allow` names. An id in the path that itself ends as an action does, such as `a:adjust`, is sent as " +
			"`a%3Aadjust`.",
	},
	{
		Reason: "METHOD_NOT_FOUND", Code: Unimplemented, Stage: Target, Cause: "There is no such gRPC method on this listener.",
		Cure: "Look the method up in proto/; internal services listen apart.",
	},
	{
		Reason: "UNSUPPORTED_MEDIA_TYPE", Code: InvalidArgument, Stage: Body, Status: statusMediaType,
		Cause: "The body is not JSON in UTF-8 by its header, or is compressed.",
		Cure:  "Send `Content-Type: application/json`, uncompressed.", Raises: []string{"BODY_TOO_LARGE", "BODY_TIMEOUT", "BODY_UNREADABLE"},
	},
	{
		Reason: "BODY_TOO_LARGE", Code: InvalidArgument, Stage: Body, Status: statusContentTooLarge,
		Cause: "The body is longer than the server takes.", Cure: "Send less at once; `limit_bytes` names the limit.",
		Raises: []string{"BODY_TIMEOUT", "BODY_UNREADABLE"},
	},
	{
		Reason: "BODY_TIMEOUT", Code: DeadlineExceeded, Stage: Body, Status: statusRequestTimeout, Cause: "The body came too slowly.",
		Cure: "Send it faster, or less.", Raises: []string{"BODY_UNREADABLE"},
	},
	{
		Reason: "BODY_UNREADABLE", Code: InvalidArgument, Stage: Body, Cause: "The body ended before its announced length.",
		Cure: "Send as many bytes as Content-Length says.",
	},
	{
		Reason: "BODY_MISSING", Code: InvalidArgument, Stage: Body,
		Cause: "The request has no body, and its method makes or replaces a resource.", Cure: "Send a JSON object.",
	},
	{
		Reason: "MALFORMED_MESSAGE", Code: InvalidArgument, Stage: Body, Cause: "The bytes are not the method's message in protobuf.",
		Cure: "Use code generated from proto/.",
	},
}

// asking lists what a request is refused with before any state is read. Such refusals are not kept under the key (ruling R-7).
var asking = []Entry{
	{
		Reason: "MALFORMED_JSON", Code: InvalidArgument, Stage: Request, Cause: "The body is not JSON.",
		Cure: "Mend it at the place that the violation names.", Raises: []string{"VALIDATION_FAILED", "WRONG_KIND"},
	},
	{
		Reason: "VALIDATION_FAILED", Code: InvalidArgument, Stage: Request,
		Cause: "Fields break the contract; all of them are told at once, each with its own reason.",
		Cure:  "Mend every field of `field_violations`; where more are wrong than it tells, `violations` counts them.",
	},
	{
		Reason: "WRONG_KIND", Code: InvalidArgument, Stage: Request, Cause: "An id is not one of its field's kind, `kind:<uuid>`.",
		Cure: "Send the id of such a thing as the API has answered it.",
	},
	{
		Reason: "IDEMPOTENCY_KEY_MISSING", Code: InvalidArgument, Stage: KeySent, Cause: "A mutation came without an idempotency key.",
		Cure:   "Send `Idempotency-Key`; a new key for a new request, the same key to repeat one.",
		Raises: []string{"IDEMPOTENCY_KEY_AMBIGUOUS", "IDEMPOTENCY_KEY_INVALID"},
	},
	{
		Reason: "IDEMPOTENCY_KEY_AMBIGUOUS", Code: InvalidArgument, Stage: KeySent, Cause: "Two keys that differ were sent.",
		Cure: "Send one.", Raises: []string{"IDEMPOTENCY_KEY_INVALID"},
	},
	{
		Reason: "IDEMPOTENCY_KEY_INVALID", Code: InvalidArgument, Stage: KeySent, Cause: "The key is too long or not printable.",
		Cure: "Send 1 to 255 printable ASCII characters; a UUID does.",
	},
	{
		Reason: "INVALID_UTF8", Code: InvalidArgument, Stage: KeySent, Cause: "The request holds text that is not UTF-8.",
		Cure: "Send UTF-8.", Unshown: "both dialects refuse such text before, as MALFORMED_MESSAGE or INVALID_TEXT",
	},
	{
		Reason: "PAYMENT_TOKEN_INVALID", Code: InvalidArgument, Stage: Meaning, Cause: "The gateway does not know such a payment token.",
		Cure: "Send one of those that `valid` lists.",
	},
	{
		Reason: "CURRENCY_UNKNOWN", Code: InvalidArgument, Stage: Meaning, Cause: "The currency is none of ISO 4217.",
		Cure: "Send a code of ISO 4217, such as EUR.", Raises: []string{"CURRENCY_MISMATCH", "NEGATIVE_AMOUNT", "AMOUNT_OVERFLOW"},
	},
	{
		Reason: "CURRENCY_MISMATCH", Code: InvalidArgument, Stage: Meaning,
		Cause: "An amount has another currency than the order, player, session, bet, bonus or jackpot that it is for.",
		Cure:  "Send all amounts in the currency of that.", Raises: []string{"NEGATIVE_AMOUNT", "AMOUNT_OVERFLOW"},
		In: map[string]Stage{"RefundOrder": Condition, "PayOrder": Existence, "Hold": Existence},
	},
	{
		Reason: "NEGATIVE_AMOUNT", Code: InvalidArgument, Stage: Meaning, Cause: "A price, or the order's amount, is below zero.",
		Cure: "Send prices of 0 or more, and adjustments that leave 0 or more.", Raises: []string{"AMOUNT_OVERFLOW"},
	},
	{
		Reason: "AMOUNT_OVERFLOW", Code: InvalidArgument, Stage: Meaning,
		Cause: "The amount of an order, or what an account would hold, exceeds 2^53 - 1 minor units.",
		Cure:  "Ask for less: split the order, or pay out of the account first.",
	},
	{
		Reason: "NOT_POSITIVE", Code: InvalidArgument, Stage: Meaning, Cause: "The amount to give back is not above zero.",
		Cure: "Send an amount above 0, or none to refund the rest.",
	},
	{
		Reason: "CHANGE_PATH_UNKNOWN", Code: InvalidArgument, Stage: Meaning,
		Cause: "A change names a part that no order has, or that is not the client's to write.",
		Cure:  "Use a path of `FieldChange`.", Raises: []string{"CHANGE_VALUE_INVALID"},
	},
	{
		Reason: "CHANGE_VALUE_INVALID", Code: InvalidArgument, Stage: Meaning,
		Cause: "What a change sets is missing, of another kind, or not allowed there.",
		Cure:  "Send what the path takes: `value`, `item` or `qty`, and none of them with `unset`.",
	},
	{
		Reason: "COUNTRY_INVALID", Code: InvalidArgument, Stage: Meaning, Cause: "The country is none of ISO 3166-1.",
		Cure: "Send a code of two capital letters, such as CH.",
	},
	{
		Reason: "PAGE_TOKEN_INVALID", Code: InvalidArgument, Stage: Meaning,
		Cause: "The page token is broken, or of another caller or other filters.", Cure: "Use the token with the request that it was answered to.",
	},
	{
		Reason: "RESUME_TOKEN_INVALID", Code: InvalidArgument, Stage: Meaning,
		Cause: "The resume token is broken, of another caller, or older than the feed remembers.",
		Cure:  "List the orders anew, and follow without a token.",
	},
}

// deciding lists what is refused on what the request is about.
var deciding = []Entry{
	{
		Reason: "IDEMPOTENCY_MISMATCH", Code: AlreadyExists, Stage: Replay, Cause: "The key was used for another request.",
		Cure:   "Use a new key for a new request.",
		Raises: []string{"CARD_REFUSED"}, // the gateway is asked for new keys only
	},
	{
		Reason: "NOT_FOUND", Code: NotFound, Stage: Existence, Final: true,
		Cause: "There is no such resource, or it belongs to another owner. Of an operation: it is not committed yet.",
		Cure:  "Look for the right id in a list.",
	},
	{
		Reason: "PLAYER_UNKNOWN", Code: InvalidArgument, Stage: Existence,
		Cause: "A wallet is to pay, and there is no player whose id is the order's `customer_id`.",
		Cure:  "Pay by a gateway, or create the player.",
	},
	{
		Reason: "ILLEGAL_TRANSITION", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "The status does not allow it; `status` names the current one.", Cure: "Read the order and decide anew.",
	},
	{
		Reason: "PAYMENT_IN_PROGRESS", Code: FailedPrecondition, Stage: Condition, Cause: "A payment of the order is under way.",
		Cure: "Follow the order until its payment has an outcome.", Raises: []string{"ILLEGAL_TRANSITION"},
	},
	{
		Reason: "REFUND_EXCEEDS_CAPTURED", Code: FailedPrecondition, Stage: Condition,
		Cause: "More is asked back than is left; pending refunds and disputed amounts count. `refundable_minor` names the rest.",
		Cure:  "Ask for at most the rest.",
	},
	{
		Reason: "TOO_MANY_REFUNDS", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "The payment has as many refunds as it may have.", Cure: "Give the rest back in another way.",
	},
	{
		Reason: "TOO_MANY_DISPUTES", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "A gateway tells of more disputes of a payment than it may have.", Cure: "None: the log has it.",
	},
	{
		Reason: "DEMAND_MISMATCH", Code: InvalidArgument, Stage: Condition, Cause: "What is to be reserved are not the order's lines.",
		Cure: "Send the order's lines.",
	},
	{
		Reason: "NOT_RESERVED", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "No stock is held for the order any more.", Cure: "Create the order anew.",
	},
	{
		Reason: "BELOW_RESERVED", Code: FailedPrecondition, Stage: Condition, Cause: "The stock would fall below what is reserved.",
		Cure: "Set no less than `reserved`, or cancel orders first.",
	},
	{
		Reason: "OUT_OF_RANGE", Code: InvalidArgument, Stage: Condition,
		Cause: "A number or a time is beyond what it may be.", Cure: "Keep to what the field violation names.",
		In: map[string]Stage{"ListOrders": Meaning},
	},
	{
		Reason: "AFTER_VERSION_INVALID", Code: InvalidArgument, Stage: Condition, Cause: "The order has no such version yet.",
		Cure: "Send a version that was seen, or 0.",
	},
	{
		Reason: "EVENT_GONE", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "The event of the dead letter is not in the log any more.", Cure: "None: act on the order instead.",
		Unshown: "events are kept for ever; only a damaged database lacks one",
	},
	{
		Reason: "EVENT_UNREADABLE", Code: FailedPrecondition, Stage: Condition, Final: true,
		Cause: "This version of the server cannot read the event of the dead letter.", Cure: "Replay it with the version that wrote it.",
		Unshown: "no version has written events that this one cannot read",
	},
	{
		Reason: "VERSION_CONFLICT", Code: Aborted, Stage: Version,
		Cause:  "The resource has changed since the expected version or token; `version` names the current one, of an order `change_token` too.",
		Cure:   "Read it again, decide anew, and send the new version or token under a new key.",
		Raises: []string{"LINE_UNKNOWN", "LINES_MISSING", "TOO_MANY_LINES", "INSUFFICIENT_STOCK"},
	},
	{
		Reason: "LINE_UNKNOWN", Code: FailedPrecondition, Stage: Version, Cause: "The order has no line of that number.",
		Cure: "Count its `items` from 0; changes of one request do not shift the lines.", Raises: []string{"LINES_MISSING", "TOO_MANY_LINES",
			"INSUFFICIENT_STOCK"},
	},
	{
		Reason: "LINES_MISSING", Code: FailedPrecondition, Stage: Version, Cause: "The order would be left without a line.",
		Cure: "Leave one, or cancel the order.", Raises: []string{"TOO_MANY_LINES", "INSUFFICIENT_STOCK"},
	},
	{
		Reason: "TOO_MANY_LINES", Code: FailedPrecondition, Stage: Version, Cause: "The order would have more than 1,000 lines.",
		Cure: "Order the rest apart.", Raises: []string{"INSUFFICIENT_STOCK"},
	},
	{
		Reason: "INSUFFICIENT_STOCK", Code: FailedPrecondition, Stage: Version,
		Cause: "Fewer pieces are available than the order is to have in addition; `available` and `wanted` name the numbers.",
		Cure:  "Ask for at most what is available.",
	},
}

// within lists refusals of the system's own commands, which are tried again or become dead letters. No caller is told them.
var within = []Entry{
	{
		Reason: "TOO_EARLY", Code: Aborted, Stage: Condition, Internal: true, Cause: "The order's or hold's time is not over.",
		Cure: "The timer fires again.",
	},
	{
		Reason: "STALE_DEMAND", Code: Aborted, Stage: Condition, Internal: true, Cause: "The order's lines were not the ones named.",
		Cure: "The step is made anew.",
	},
	{
		Reason: "NOT_CLAIMED", Code: Aborted, Stage: Condition, Internal: true, Cause: "Another worker has the call, or it is over.",
		Cure: "The worker lets go of it.",
	},
	{
		Reason: "GIVEN_UP", Code: Aborted, Stage: Condition, Internal: true, Cause: "The call was given up meanwhile.",
		Cure: "The worker reads it again.",
	},
	{
		Reason: "UNAVAILABLE", Code: Unavailable, Stage: Condition, Internal: true, Cause: "What a step is about cannot be read.",
		Cure: "The step is tried again.",
	},
}

// FieldReason is the reason of a violation of one field, told within VALIDATION_FAILED.
type FieldReason struct{ Reason, Cause string }

// FieldReasons lists those that are not reasons of whole refusals too. Beside them the rules of the contract have their names in
// capitals: STRING_MIN_LEN, REPEATED_MAX_ITEMS, INT64_GTE, REQUIRED and so on.
func FieldReasons() []FieldReason {
	return []FieldReason{
		{"WRONG_TYPE", "The value has another type than the field."},
		{"UNKNOWN_FIELD", "The object has no such field."},
		{"DUPLICATE_FIELD", "The field stands there twice."},
		{"NOT_AN_INTEGER", "The number is no integer."},
		{"OUT_OF_RANGE", "The number is beyond what the field can hold."},
		{"REQUIRED", "The field must be named, also when it is 0."},
		{"UNKNOWN_VALUE", "The enum has no such value."},
		{"INVALID_TEXT", "The text is not UTF-8."},
		{"NESTED_TOO_DEEPLY", "Objects stand inside each other too deeply."},
		{"INVALID_TIMESTAMP", "The text is no time of RFC 3339."},
		{"INVALID_BASE64", "The text is not base64."},
		{"DUPLICATE_CHANGE_ID", "Two changes of a batch have the same change_id."},
		{"CSV_INVALID", "The line's quotes do not match."},
		{"CSV_COLUMNS", "The line has more or fewer fields than the first."},
		{"SKU_INVALID", "The SKU has other characters than are taken, or is too long."},
		{"SKU_DOUBLED", "The SKU stands in an earlier line."},
		{"PRICE_INVALID", "The price is no decimal number of the currency."},
		{"PATH_MISMATCH", "The body names another resource than the path."},
		{"HEADER_MISSING", "The contract asks for the header."},
		{"HEADER_INVALID", "The header has another form than the contract asks for, or stands there twice."},
		{"UNKNOWN_PARAMETER", "There is no such query parameter."},
	}
}
