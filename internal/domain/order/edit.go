package order

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Reasons of the events that tell of a change by the client. The one of lines carries them (ItemsChanged).
const (
	ItemsChanged    = "ITEMS_CHANGED"
	DeliveryChanged = "DELIVERY_DETAILS_CHANGED"
	ClientChanged   = "CLIENT_DETAILS_CHANGED"
	DetailsGone     = "DETAILS_FORGOTTEN"
	FieldsChanged   = "FIELDS_CHANGED" // several parts, or those of the shop's own
)

// Target is what a change is about.
type Target uint8

// The targets. Those of lines come last.
const (
	TargetNone Target = iota
	TargetDelivery
	TargetClient
	TargetReference
	TargetMetadata
	TargetAddLine
	TargetRemoveLine
	TargetQuantity
)

// ofLines tells whether a change of it re-reserves stock.
func (t Target) ofLines() bool { return t >= TargetAddLine }

// metadataLimit is how many pairs an order may have, and lineLimit how many lines, as when it is created.
const (
	metadataLimit = 32
	lineLimit     = 1000
)

// Part is one change of a part of an order.
type Part struct {
	ChangeID, Path string // as the history tells them
	Unset          bool
	Target         Target
	Field          string // of details: a field of the contract, empty for all of them; of metadata: the key
	Value          string
	Whole          map[string]string // of details as a whole
	Line           int               // that is taken away or whose quantity is set, as it stood before the first change
	Added          state.Line        // of TargetAddLine
	Currency       string            // that came with its price
	Quantity       int32
	Refused        *fault.Fault // found without reading any state
}

// Edit changes parts of an order, all or none (requirements C-3, C-4), in one version and one event.
type Edit struct {
	Name
	Parts           []Part
	Token           string // of the version that the client has seen; empty for any
	ExpectedVersion int64
	Listed          bool // a client's list: what is refused is told of every part, and noted in the history
	Forget          bool // a person's wish to be forgotten, whatever the status
}

// DetailsRef is the row of an order's details.
func (n Name) DetailsRef() state.Ref {
	return state.Ref{Kind: state.KindOrderDetails, Tenant: n.Tenant, ID: n.OrderID}
}

// Refs answers the rows that every edit reads; what lines need beside them is the flow's to name.
func (e Edit) Refs() []state.Ref { return []state.Ref{e.Ref(), e.DetailsRef()} }

// OfLines tells whether any part is about lines.
func (e Edit) OfLines() bool {
	return slices.ContainsFunc(e.Parts, func(p Part) bool { return p.Target.ofLines() })
}

// Plan is an edit on its way: the rows as they would be, and what stands against it. The flow adds what prices and stock say.
type Plan struct {
	Before, After *state.Order
	edit          Edit
	details       *state.OrderDetails // before; nil when there are none
	changed       *state.OrderDetails
	refused       []*fault.Fault // of the parts
	lines         []edited       // nil unless lines change
}

// Plan carries the parts out on copies of the rows. The refusal is of the edit as a whole: that there is no such order, or that it is
// another version than the client has seen. What stands against a part is kept with it.
//
// What no newer version cures comes first: what is wrong with the parts themselves, and the status. Whether there is such a line and what
// it comes to are looked at once the version is known to be the one that the client means.
func (e Edit) Plan(states domain.States, now time.Time) (*Plan, *fault.Fault) {
	o, refusal := e.find(states)
	if refusal != nil {
		return nil, refusal
	}
	p := &Plan{Before: o, After: next(o, now), edit: e, refused: make([]*fault.Fault, len(e.Parts))}
	p.details = domain.Find[state.OrderDetails](states, e.DetailsRef())
	p.changed = &state.OrderDetails{Tenant: e.Tenant, OrderID: e.OrderID}
	if p.details != nil {
		kept := *p.details
		p.changed = &kept
	}
	p.changed.Version++
	p.changed.UpdatedAt = now
	for i := range e.Parts {
		if p.refused[i] = e.Parts[i].Refused; p.refused[i] == nil && !e.Forget {
			p.refused[i] = admits(o, e.Parts[i].Target)
		}
	}
	if p.Refused() {
		return p, nil
	}
	if refusal := e.current(o); refusal != nil {
		return nil, refusal
	}
	p.apply()
	return p, nil
}

// admits tells why the order's status does not allow a change; nil when it does. Lines can be changed as long as nobody has been asked
// for the money, the address until the goods are sold, all else until the order has ended.
func admits(o *state.Order, target Target) *fault.Fault {
	switch {
	case target.ofLines() && o.Status != state.OrderPending && o.Status != state.OrderReserved:
		return illegal(o, "given other lines", "PENDING or RESERVED")
	case target.ofLines() && !o.Expires():
		return inProgress(o)
	case target == TargetDelivery && (o.Status.Terminal() || o.Status == state.OrderConfirmed):
		return illegal(o, "given other delivery details", "PENDING, RESERVED or PAID")
	case o.Status.Terminal():
		return illegal(o, "changed", "PENDING, RESERVED, PAID or CONFIRMED")
	default:
		return nil
	}
}

// current is the optimistic lock, by token or by version.
func (e Edit) current(o *state.Order) *fault.Fault {
	token := ChangeToken(o.ID, o.Version)
	if e.Token == "" || e.Token == token {
		return expect(o, e.ExpectedVersion)
	}
	return fault.New(fault.Aborted, "VERSION_CONFLICT",
		"the order has changed since change_token was answered: it is %s, at version %d; read it again and decide anew", o.Status, o.Version).
		With("change_token", token).With("version", strconv.FormatInt(o.Version, 10)).With("status", o.Status.String())
}

// apply carries the parts out one after the other.
func (p *Plan) apply() {
	if p.edit.OfLines() {
		p.lines = number(p.Before.Lines)
	}
	for i := range p.edit.Parts {
		part := &p.edit.Parts[i]
		switch part.Target {
		case TargetDelivery:
			p.changed.Delivery = part.field(p.changed.Delivery)
		case TargetClient:
			p.changed.Client = part.field(p.changed.Client)
		case TargetReference:
			p.After.ClientReference = part.Value
		case TargetMetadata:
			p.After.Metadata = part.pair(p.After.Metadata)
			if len(p.After.Metadata) > metadataLimit {
				p.Refuse(i, fault.Invalid(part.Path, "CHANGE_VALUE_INVALID", "an order has at most %d pairs of metadata", metadataLimit))
			}
		default:
			p.line(i)
		}
	}
	if p.lines != nil && !p.Refused() {
		p.total()
	}
}

// field answers details with one field changed, or all of them.
func (p *Part) field(before map[string]string) map[string]string {
	if p.Field == "" {
		return p.Whole
	}
	after := maps.Clone(before)
	if p.Value == "" {
		delete(after, p.Field)
		return after
	}
	if after == nil {
		after = map[string]string{}
	}
	after[p.Field] = p.Value
	return after
}

// pair answers metadata with one pair set or taken away.
func (p *Part) pair(before map[string]string) map[string]string {
	after := maps.Clone(before)
	if p.Unset {
		delete(after, p.Field)
		return after
	}
	if after == nil {
		after = map[string]string{}
	}
	after[p.Field] = p.Value
	return after
}

// Refuse notes what stands against a part; the first word about it counts.
func (p *Plan) Refuse(part int, refusal *fault.Fault) {
	if p.refused[part] == nil {
		p.refused[part] = refusal
	}
}

// Refused tells whether anything stands against any part.
func (p *Plan) Refused() bool {
	return slices.ContainsFunc(p.refused, func(f *fault.Fault) bool { return f != nil })
}

// Decide answers what becomes of the edit: all of it, or the refusal of all of it. Other rows that change with it are the flow's to add.
func (p *Plan) Decide(now time.Time) (domain.Decision, *fault.Fault) {
	refusal := p.refusal()
	if refusal != nil && !p.edit.Listed {
		return domain.Decision{}, refusal
	}
	switch {
	case !p.edit.Forget:
	case p.details == nil:
		return domain.Decision{}, fault.NotFoundf("details of order", p.edit.OrderID)
	case len(p.details.Delivery)+len(p.details.Client) == 0:
		return domain.Decision{}, nil // forgotten before
	}
	p.changed.Batches++
	batch := p.note(now)
	if refusal != nil { // nothing changes but the count
		p.changed.Delivery, p.changed.Client = nil, nil
		if p.details != nil {
			p.changed.Delivery, p.changed.Client = p.details.Delivery, p.details.Client
		}
		refusal.With("batch", strconv.FormatInt(p.changed.Batches, 10))
		return domain.Decision{Changes: p.detailsAnd(batch), Answer: batch.Ref(), Refusal: refusal}, nil
	}
	batch.OrderVersion = p.After.Version
	decision := updated(p.Before, p.After, p.reason())
	decision.Changes = append(decision.Changes, p.detailsAnd(batch)...)
	decision.Answer = batch.Ref()
	return decision, nil
}

func (p *Plan) detailsAnd(batch *state.ChangeBatch) []domain.Change {
	return []domain.Change{{Before: p.details, After: p.changed}, {After: batch}}
}

// note makes the entry of the history.
func (p *Plan) note(now time.Time) *state.ChangeBatch {
	batch := &state.ChangeBatch{
		Tenant: p.edit.Tenant, ID: state.ChangeBatchID(p.edit.OrderID, p.changed.Batches), At: now,
		Changes: make([]state.Changed, len(p.edit.Parts)),
	}
	status := state.ChangeApplied
	if p.Refused() {
		status = state.ChangeNotApplied
	}
	for i := range p.edit.Parts {
		part := &p.edit.Parts[i]
		batch.Changes[i] = state.Changed{ChangeID: part.ChangeID, Path: part.Path, Unset: part.Unset, Status: status}
		if refused := p.refused[i]; refused != nil {
			batch.Changes[i].Status, batch.Changes[i].Reason, batch.Changes[i].Message = state.ChangeRefused, refused.Reason, refused.Message
		}
	}
	return batch
}

// refusal is what the client is told: the code and reason of the first part that no newer state cures, or else of the first, and the
// violations of all.
func (p *Plan) refusal() *fault.Fault {
	var whole *fault.Fault
	for _, refused := range p.refused {
		if refused != nil && (whole == nil || whole.Code != fault.InvalidArgument && refused.Code == fault.InvalidArgument) {
			whole = refused
		}
	}
	if whole == nil || !p.edit.Listed {
		return whole
	}
	own := *whole
	told := &own
	told.Violations, told.Metadata = nil, maps.Clone(whole.Metadata)
	for i, refused := range p.refused {
		if refused != nil {
			told = told.Citing(fmt.Sprintf("changes[%d]", i), p.edit.Parts[i].Path, refused)
		}
	}
	return told
}

// reason tells what the event is about.
func (p *Plan) reason() string {
	switch first := p.edit.Parts[0].Target; {
	case p.edit.Forget:
		return DetailsGone
	case p.lines != nil:
		return ItemsChanged
	case first > TargetClient || slices.ContainsFunc(p.edit.Parts, func(part Part) bool { return part.Target != first }):
		return FieldsChanged
	case first == TargetDelivery:
		return DeliveryChanged
	default:
		return ClientChanged
	}
}
