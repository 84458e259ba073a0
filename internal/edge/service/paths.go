package service

import (
	"context"
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The paths of a change, or what stands before the dot in them.
const (
	deliveryDetails = "delivery_details"
	clientDetails   = "client_details"
	clientReference = "client_reference"
	metadata        = "metadata"
	items           = "items"
)

// The limits of what the shop itself writes, as when an order is created.
const (
	referenceLimit = 128
	keyLimit       = 64
)

// readPart reads one change of a list into a part of an edit, and answers what is wrong with it as far as no state is needed.
func readPart(ctx context.Context, part *order.Part, change *omsv1.FieldChange) *fault.Fault {
	head, field, dotted := strings.Cut(change.Path, ".")
	switch {
	case head == deliveryDetails && dotted:
		part.Target, part.Field = order.TargetDelivery, field
		return readDetail(ctx, part, change, &omsv1.DeliveryDetails{})
	case head == clientDetails && dotted:
		part.Target, part.Field = order.TargetClient, field
		return readDetail(ctx, part, change, &omsv1.ClientDetails{})
	case change.Path == clientReference:
		part.Target, part.Value = order.TargetReference, change.Value
		return checkText(change, referenceLimit, false)
	case head == metadata && field != "":
		part.Target, part.Field, part.Value = order.TargetMetadata, field, change.Value
		if len([]rune(field)) > keyLimit {
			return fault.Invalid(change.Path, "CHANGE_PATH_UNKNOWN", "a key of metadata has 1 to %d characters", keyLimit)
		}
		return checkText(change, 0, true)
	case change.Path == items:
		return readItem(part, change)
	default:
		return readLine(part, change)
	}
}

// unknownPath refuses a path outside the closed set.
func unknownPath(path string) *fault.Fault {
	return fault.Invalid(path, "CHANGE_PATH_UNKNOWN", "is no part of an order that can be changed; there are delivery_details.FIELD, "+
		"client_details.FIELD, client_reference, metadata.KEY, items, items[N] and items[N].qty")
}

// checkText refuses a change of text that comes with something else, or without text; 0 stands for the limit of all values.
func checkText(change *omsv1.FieldChange, limit int, mayBeEmpty bool) *fault.Fault {
	switch {
	case change.Item != nil || change.Qty != 0:
		return fault.Invalid(change.Path, "CHANGE_VALUE_INVALID", "takes `value`, not `item` or `qty`")
	case change.Unset && change.Value != "":
		return fault.Invalid(change.Path, "CHANGE_VALUE_INVALID", "`unset` takes no value")
	case !change.Unset && change.Value == "" && !mayBeEmpty:
		return fault.Invalid(change.Path, "CHANGE_VALUE_INVALID", "needs a `value`; `unset` makes it empty")
	case limit > 0 && len([]rune(change.Value)) > limit:
		return fault.Invalid(change.Path, "CHANGE_VALUE_INVALID", "must be at most %d characters", limit)
	default:
		return nil
	}
}

// readDetail reads the change of one field of details; the rules are those of the message it is a field of.
func readDetail(ctx context.Context, part *order.Part, change *omsv1.FieldChange, of proto.Message) *fault.Fault {
	field := of.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(part.Field))
	if field == nil {
		return unknownPath(change.Path)
	}
	if refusal := checkText(change, 0, false); refusal != nil {
		return refusal
	}
	of.ProtoReflect().Set(field, protoreflect.ValueOfString(change.Value))
	if refusal := broken(ctx, change.Path, of); refusal != nil {
		return refusal
	}
	var refusal *fault.Fault
	switch details := of.(type) {
	case *omsv1.DeliveryDetails:
		refusal = checkDelivery(details)
	case *omsv1.ClientDetails:
		refusal = checkClient(details)
	}
	part.Value = of.ProtoReflect().Get(field).String() // a locale is written as BCP 47 does
	return refusal
}

// checkDelivery looks at what the contract's rules cannot say.
func checkDelivery(details *omsv1.DeliveryDetails) *fault.Fault {
	if details.Country == "" {
		return nil
	}
	if region, err := language.ParseRegion(details.Country); err != nil || !region.IsCountry() || region.String() != details.Country {
		return fault.Invalid(deliveryDetails+".country", "COUNTRY_INVALID", "must be a country's code of ISO 3166-1 such as CH")
	}
	return nil
}

// checkClient looks at what the contract's rules cannot say, and writes the locale as BCP 47 does.
func checkClient(details *omsv1.ClientDetails) *fault.Fault {
	var refusal *fault.Fault
	details.Locale, refusal = canonical(clientDetails+".locale", details.Locale)
	return together(refusal, checkEmail(clientDetails+".email", details.Email))
}

// readItem reads a line that is added.
func readItem(part *order.Part, change *omsv1.FieldChange) *fault.Fault {
	part.Target = order.TargetAddLine
	if change.Item == nil || change.Unset || change.Value != "" || change.Qty != 0 {
		return fault.Invalid(change.Path, "CHANGE_VALUE_INVALID",
			"takes the line to add as `item` and nothing else; items[N] with `unset` takes a line away")
	}
	price := priced(change.Item.Price)
	part.Added = state.Line{SKU: change.Item.Sku, Quantity: change.Item.Qty, PriceMinor: price.AmountMinor}
	part.Currency = price.Currency
	if price.AmountMinor < 0 {
		return fault.Invalid(change.Path, "NEGATIVE_AMOUNT", "price.amount_minor must be 0 or more, is %d", price.AmountMinor)
	}
	return nil
}

// readLine reads a change of a line that is there: "items[N]" or "items[N].qty".
func readLine(part *order.Part, change *omsv1.FieldChange) *fault.Fault {
	number, rest, closed := strings.Cut(strings.TrimPrefix(change.Path, items+"["), "]")
	line, err := strconv.ParseUint(number, 10, 16)
	if !strings.HasPrefix(change.Path, items+"[") || !closed || err != nil || rest != "" && rest != ".qty" || strconv.FormatUint(line, 10) != number {
		return unknownPath(change.Path)
	}
	part.Line, part.Target = int(line), order.TargetRemoveLine
	if rest == "" {
		if !change.Unset || change.Value != "" || change.Item != nil || change.Qty != 0 {
			return fault.Invalid(change.Path, "CHANGE_VALUE_INVALID", "can only be taken away, with `unset` and nothing else; `items` adds a line")
		}
		return nil
	}
	part.Target, part.Quantity = order.TargetQuantity, change.Qty
	if change.Unset || change.Qty < 1 || change.Value != "" || change.Item != nil {
		return fault.Invalid(change.Path, "CHANGE_VALUE_INVALID", "takes the number of pieces as `qty`, 1 or more, and nothing else")
	}
	return nil
}
