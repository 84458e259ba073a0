package edge

import (
	"errors"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	optionsv1 "github.com/seed-255eabaa/oms/gen/oms/options/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// examine tells at once everything that is wrong with a call: headers that the contract asks for, fields that could not be read, and
// fields that break the rules. A body that is no JSON at all, or no message, says nothing of its fields.
func (c *chain) examine(call *Call, scope *Scope) error {
	unread := call.Unreadable
	if unread != nil {
		tellContract(call.Method, unread)
	}
	if unread != nil && !ofRequest(unread) {
		return unread
	}
	violations, legible := c.checkHeaders(call, scope), unread == nil || unread.Reason == contract.ValidationFailed
	if unread != nil {
		violations = append(violations, unread.Violations...)
	}
	if call.Request != nil && legible {
		scope.tellDryRun()
		found, err := c.violations(call, call.Request)
		if err != nil {
			return err
		}
		violations = join(violations, found)
	}
	if len(violations) > 0 && legible {
		violations = c.beyond(call, violations)
	}
	switch {
	case len(violations) > 0 && scope.refuseParts(unread, violations):
		return nil
	case len(violations) > 0:
		return contract.Invalid(violations)
	case unread != nil:
		return unread
	default:
		return nil
	}
}

// beyondLimit is how many violations beyond the rules are told; join compares each with all others.
const beyondLimit = 50

// beyond adds to what is wrong with a call what later steps would refuse of single fields and of the key.
func (c *chain) beyond(call *Call, violations []fault.Violation) []fault.Violation {
	if c.Beyond != nil && call.Request != nil {
		more := c.Beyond(call.Request)
		violations = join(violations, more[:min(len(more), beyondLimit)])
	}
	if call.Method.Mutation && len(call.Method.Headers) == 0 { // else it is among the headers
		if _, refusal := readKey(call); refusal != nil {
			violations = append(violations, refusal.Violations...)
		}
	}
	return violations
}

// ofRequest tells whether a fault is about what the request says, and not about its bytes or their type.
func ofRequest(f *fault.Fault) bool {
	entry := fault.Find(f.Reason)
	return entry != nil && entry.Stage == fault.Request
}

// checkHeaders verifies the headers that the contract asks for, the idempotency key among them, and keeps what they say.
func (c *chain) checkHeaders(call *Call, scope *Scope) []fault.Violation {
	if len(call.Method.Headers) == 0 {
		return nil
	}
	violations := call.Method.CheckHeaders(call.Header)
	if call.Method.Mutation {
		if _, refusal := readKey(call); refusal != nil {
			violations = append(violations, refusal.Violations...)
		}
	}
	if len(violations) == 0 {
		first := func(name string) string { return call.Header(name)[0] }
		scope.Origin = Origin{
			Brand: first(contract.HeaderBrand), Region: first(contract.HeaderRegion), Provider: first(contract.HeaderProvider),
		}
	}
	return violations
}

// join adds what the rules say of a request to what was found when it was read. A field that could not be read is empty, and so is
// what it stands in; what the rules say of those is not the caller's mistake.
func join(read, rules []fault.Violation) []fault.Violation {
	known := len(read)
	for _, rule := range rules {
		told := false
		for i := range known {
			told = told || within(read[i].Field, rule.Field) || within(rule.Field, read[i].Field)
		}
		if !told {
			read = append(read, rule)
		}
	}
	return read
}

// within tells whether a field is another one or stands in it; everything stands in the message, which has no name.
func within(field, other string) bool {
	rest, found := strings.CutPrefix(field, other)
	return found && (other == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// check validates a request by the rules in the contract; all violations are answered at once.
func (c *chain) check(call *Call, request proto.Message) error {
	violations, err := c.violations(call, request)
	switch {
	case err != nil:
		return err
	case len(violations) > 0:
		return contract.Invalid(violations)
	}
	return nil
}

func (c *chain) violations(call *Call, request proto.Message) ([]fault.Violation, error) {
	violations := call.Method.CheckIDs(request)
	broken, err := c.rules(call, request)
	for _, violation := range broken {
		violations = addOnce(violations, violation)
	}
	return violations, err
}

// rules answers how a message breaks the rules in the contract.
func (c *chain) rules(call *Call, message proto.Message) (violations []fault.Violation, _ error) {
	err := c.validator.Validate(message)
	var invalid *protovalidate.ValidationError
	switch {
	case errors.As(err, &invalid):
		for _, violation := range invalid.Violations {
			violations = addOnce(violations, translate(call, violation))
		}
	case err != nil:
		return nil, fault.From(err)
	}
	return violations, nil
}

// patterns says in words what the patterns of the contract ask for.
var patterns = map[string]string{
	"^(?:0|[1-9][0-9]{0,15})(?:[.][0-9]{1,4})?$": "must be 0 or more, with 16 digits before the point and 4 behind it at most",
	"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$":      "must be a tag of BCP 47 such as de-DE",
	"^[A-Za-z0-9_-]*$":                           "must be of A-Z a-z 0-9 _ and -",
	"^[a-z0-9_]*$":                               "must be of a-z 0-9 and _, such as document_expired",
	"^account:[a-z_]+:[A-Z]{3}(:[^\\x00]+)?$":    "must be an account such as account:player_cash:EUR:p_1",
	"^[A-Z]{2}$":                                 "must be an ISO 3166-1 code of two capital letters",
	"^[A-Z]{3}$":                                 "must be an ISO 4217 code of three capital letters",
	`^[^\x00]*$`:                                 "must not hold the character NUL",
	"^(?:[+][1-9][0-9]{6,14})?$":                 "must be a number of E.164 such as +4915112345678",
	"^(?:[A-Z]{2})?$":                            "must be an ISO 3166-1 code of two capital letters",
	"^(?:[.]*[A-Za-z0-9_:~-](?:[A-Za-z0-9._:~ -]*[A-Za-z0-9._:~-])?|[.]+ [A-Za-z0-9._:~ -]*[A-Za-z0-9._:~-])$": "must be 1 to 128 characters " +
		"of A-Z a-z 0-9 . _ : ~ - and space, without a space at either end, and not only dots",
}

// aboutFields names the field that rules of a whole message are about, where its absence or value is what breaks them.
var aboutFields = map[string]string{
	"settle.partial": "result_id", "trigger.cause": "bet_id",
	"create_jackpot.currency": "max_contribution.currency", "update_jackpot.currency": "max_contribution.currency",
}

// addOnce adds what is wrong with a field unless something is told of it already: one cure is enough. What follows each other is about
// the same field.
func addOnce(violations []fault.Violation, next fault.Violation) []fault.Violation {
	for i := len(violations) - 1; i >= 0 && i >= len(violations)-onceWithin; i-- {
		if violations[i].Field == next.Field {
			return violations
		}
	}
	return append(violations, next)
}

// onceWithin bounds the search of addOnce, which must not take its square of a long list.
const onceWithin = 8

// translate writes a violation of a rule as the field, what is wrong and what would be right.
func translate(call *Call, violation *protovalidate.Violation) fault.Violation {
	description, field := violation.Proto.GetMessage(), fieldName(violation, call.Dialect)
	if field == "" {
		field = aboutFields[violation.Proto.GetRuleId()]
	}
	at := fieldAt(call.Method, protovalidate.FieldPathString(violation.Proto.GetField()))
	switch {
	case field == "" && call.Dialect == REST && !call.Method.Mutation:
		field = contract.Query
	case field == "":
		field = contract.Request
	case at != nil && at.Enum() != nil && strings.HasPrefix(violation.Proto.GetRuleId(), "enum."):
		description = "name one of " + choices(at.Enum(), call.Dialect)
	case call.Dialect == REST && field != "" && isDecimal(violation.FieldDescriptor):
		description = atLeast(call.Method, protovalidate.FieldPathString(violation.Proto.GetField()))
	case strings.HasSuffix(violation.Proto.GetRuleId(), ".not_in"):
		description = "must not be " + violation.FieldValue.String()
	case violation.Proto.GetRuleId() == "required" && violation.FieldDescriptor == nil: // what is missing is one of several
		description = "send one of " + membersOf(call.Method, protovalidate.FieldPathString(violation.Proto.GetField()))
	case violation.Proto.GetRuleId() == "required":
		description = "is required"
		if kind := violation.FieldDescriptor.Kind(); kind == protoreflect.Int64Kind || kind == protoreflect.Int32Kind {
			description = codec.RequiredEvenZero
		}
	case violation.RuleValue.IsValid() && violation.Proto.GetRuleId() == "string.pattern":
		if words, found := patterns[violation.RuleValue.String()]; found {
			description = words
		}
	}
	return fault.Violation{
		Field:       field,
		Description: description,
		Reason:      strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(violation.Proto.GetRuleId())),
	}
}

// choices lists the values of an enum as the dialect writes them, but the first, which stands for none.
func choices(enum protoreflect.EnumDescriptor, dialect string) string {
	options, _ := proto.GetExtension(enum.Options(), optionsv1.E_Enum).(*optionsv1.EnumOptions)
	prefix := strings.TrimSuffix(string(enum.Values().Get(0).Name()), "UNSPECIFIED")
	var names []string
	for i := 1; i < enum.Values().Len(); i++ {
		name := string(enum.Values().Get(i).Name())
		if dialect == REST && options.GetShortNames() {
			name = strings.ToLower(strings.TrimPrefix(name, prefix))
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// Check validates a request whose reading the chain did not see.
func (s *Scope) Check(request proto.Message) error { return s.validate(s.Call, request) }

// Broken answers how a message that is a part of what the caller means breaks the rules in the contract.
func (s *Scope) Broken(message proto.Message) ([]fault.Violation, error) {
	return s.rules(s.Call, message)
}

// fieldName is the path of a field as the dialect writes it: some have another name in JSON.
func fieldName(violation *protovalidate.Violation, dialect string) string {
	path := protovalidate.FieldPathString(violation.Proto.GetField())
	if field := violation.FieldDescriptor; dialect == REST && field != nil {
		options, _ := proto.GetExtension(field.Options(), optionsv1.E_Field).(*optionsv1.FieldOptions)
		if before, found := strings.CutSuffix(path, string(field.Name())); found && options.GetJsonName() != "" {
			return before + options.GetJsonName()
		}
	}
	return path
}
