package order

import (
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// edited is a line of an order that is being changed.
type edited struct {
	state.Line
	was  int // its place before the first change, or -1
	part int // the last part that was about it, or -1
	gone bool
	more bool // pieces that were not ordered before: their price is asserted
}

// number begins an edit of lines.
func number(lines []state.Line) []edited {
	all := make([]edited, len(lines))
	for i, line := range lines {
		all[i] = edited{Line: line, was: i, part: -1}
	}
	return all
}

// line carries out a part that is about lines. Lines are named by their places before the first part, so parts do not shift each other's.
func (p *Plan) line(i int) {
	part := &p.edit.Parts[i]
	if part.Target == TargetAddLine {
		if part.Currency != p.Before.Currency {
			p.Refuse(i, fault.Invalid("item.price.currency", "CURRENCY_MISMATCH", "must be the order's currency %q, is %q",
				p.Before.Currency, part.Currency))
		}
		p.lines = append(p.lines, edited{Line: part.Added, was: -1, part: i, more: true})
		return
	}
	if part.Line >= len(p.Before.Lines) || p.lines[part.Line].gone {
		p.Refuse(i, fault.New(fault.FailedPrecondition, "LINE_UNKNOWN",
			"the order has no line %d; its lines are 0 to %d, without those that were taken away", part.Line, len(p.Before.Lines)-1))
		return
	}
	line := &p.lines[part.Line]
	line.part, line.gone = i, part.Target == TargetRemoveLine
	if !line.gone {
		line.more = part.Quantity > p.Before.Lines[part.Line].Quantity
		line.Quantity = part.Quantity
	}
}

// total adds the lines up anew (requirement O-6) and refuses what a new order would be refused for.
func (p *Plan) total() {
	p.After.Lines = make([]state.Line, 0, len(p.lines))
	for i := range p.lines {
		if !p.lines[i].gone {
			p.After.Lines = append(p.After.Lines, p.lines[i].Line)
		}
	}
	amount, err := Sum(p.After.Lines, p.After.Adjustments)
	p.After.AmountMinor = amount
	switch count := len(p.After.Lines); {
	case count == 0:
		p.refuseLines(fault.New(fault.FailedPrecondition, "LINES_MISSING", "the order would have no line; cancel it instead"))
	case count > lineLimit:
		p.refuseLines(fault.New(fault.FailedPrecondition, "TOO_MANY_LINES", "the order would have %d lines, and may have %d", count, lineLimit))
	case err != nil:
		p.refuseLines(fault.New(fault.InvalidArgument, "AMOUNT_OVERFLOW", "qty × price, added up, exceeds %d minor units", int64(money.Limit)))
	case amount < 0:
		p.refuseLines(fault.New(fault.InvalidArgument, "NEGATIVE_AMOUNT", "the order's amount would be %d; it must be 0 or more", amount))
	}
}

// refuseLines refuses every part that is about lines: it is their sum that is wrong.
func (p *Plan) refuseLines(refusal *fault.Fault) {
	for i := range p.edit.Parts {
		if p.edit.Parts[i].Target.ofLines() {
			p.Refuse(i, refusal)
		}
	}
}

// Sum is Σ qty × price + Σ adjustments; the error is that it is beyond what money can be.
func Sum(lines []state.Line, adjustments []state.Adjustment) (total int64, err error) {
	for _, line := range lines {
		sum, err := money.Multiply(line.PriceMinor, int64(line.Quantity))
		if err == nil {
			total, err = money.Add(total, sum)
		}
		if err != nil {
			return 0, err //nolint:wrapcheck // it says all there is
		}
	}
	for _, adjustment := range adjustments {
		if total, err = money.Add(total, adjustment.AmountMinor); err != nil {
			return 0, err //nolint:wrapcheck // as above
		}
	}
	return total, nil
}

// Reordered tells whether the plan changes lines.
func (p *Plan) Reordered() bool { return p.lines != nil }

// Asserted answers the lines that pieces are added to, each behind the part that does. Their prices must be the catalogue's; what was
// ordered before keeps the price that it was ordered at.
func (p *Plan) Asserted(yield func(part int, line state.Line) bool) {
	for i := range p.lines {
		if line := &p.lines[i]; line.more && !line.gone && !yield(line.part, line.Line) {
			return
		}
	}
}

// RefuseSKUs refuses the parts that want more of the SKUs that stand in the fields of the refusal's violations; a part whose SKU does not
// stand there is not to blame.
func (p *Plan) RefuseSKUs(refusal *fault.Fault) {
	for part, line := range p.Asserted {
		for _, violation := range refusal.Violations {
			if violation.Field == line.SKU {
				own := *refusal
				own.Message, own.Violations = violation.Description, nil
				if own.Metadata["sku"] != line.SKU {
					own.Metadata = map[string]string{"sku": line.SKU}
				}
				p.Refuse(part, &own)
			}
		}
	}
	if !p.Refused() {
		p.refuseLines(refusal)
	}
}
