package config

import "time"

// StuckLimits are for how long an order may wait in a step before it is listed as stuck; it is a part of Config, and of `oms verify`.
type StuckLimits struct {
	StuckReservation  time.Duration `default:"1m" group:"Stuck orders" help:"Time an order may wait for its stock before it counts as stuck."`
	StuckPayment      time.Duration `default:"10m" group:"Stuck orders" help:"The same of a payment under way."`
	StuckCapture      time.Duration `default:"10m" group:"Stuck orders" help:"The same of a paid order."`
	StuckCompensation time.Duration `default:"10m" group:"Stuck orders" help:"The same of an order that is to be canceled."`
}

// Verification is what `oms verify` needs: where the data lies, and what counts as stuck.
type Verification struct {
	Storage
	StuckLimits
}

// Validate finds everything that is wrong, at once.
func (v *Verification) Validate() error {
	var p Problems
	v.check(&p)
	v.checkStuck(&p)
	return p.orNil()
}

func (l *StuckLimits) checkStuck(p *Problems) {
	for _, limit := range []struct {
		flag  string
		value time.Duration
	}{
		{"stuck-reservation", l.StuckReservation}, {"stuck-payment", l.StuckPayment},
		{"stuck-capture", l.StuckCapture}, {"stuck-compensation", l.StuckCompensation},
	} {
		if limit.value <= 0 || limit.value > longestTimeout {
			p.add("--%s=%v is out of range: write a time above zero, such as 10m.", limit.flag, limit.value)
		}
	}
}
