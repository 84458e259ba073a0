package message

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Unfit says which parameter of a message is not what its template needs.
type Unfit struct {
	Parameter string // its name; empty when it is not known
	Problem   string // such as "is required by the template"; for clients
	Missing   bool
	File      string // of the template; for operators
	cause     error
}

// Error implements error. It is for operators: it tells the template's words.
func (u *Unfit) Error() string { return u.File + ": " + u.cause.Error() }

// Unwrap answers what the template's engine said.
func (u *Unfit) Unwrap() error { return u.cause }

// Field names the parameter as requests have it.
func (u *Unfit) Field() string {
	if u.Parameter == "" {
		return "parameters"
	}
	return fmt.Sprintf("parameters[%q]", u.Parameter)
}

// misfit says that a function of a template was given a value that it cannot write.
type misfit struct{ value, problem string }

// Error implements error.
func (m *misfit) Error() string { return fmt.Sprintf("%q %s", m.value, m.problem) }

// missing finds the name in what the engines say of a parameter that is not there. They have no other way to tell it.
var missing = regexp.MustCompile(`map has no entry for key "([^"]*)"`)

// unfit tells by an engine's error which parameter is wrong.
func unfit(err error, file string, parameters map[string]string) *Unfit {
	u := &Unfit{Problem: "do not fit the template", File: file, cause: err}
	var wrong *misfit
	if errors.As(err, &wrong) {
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			if parameters[name] == wrong.value {
				u.Parameter, u.Problem = name, wrong.Error()
				break
			}
		}
	} else if found := missing.FindStringSubmatch(err.Error()); found != nil {
		u.Parameter, u.Problem, u.Missing = found[1], "is required by the template", true
	}
	return u
}

// told are the messages that events lead to, with what each may name beside what all may: order_id, currency and amount_minor. Any
// other message is asked for by callers, who may send any parameters.
var told = map[string][]string{
	"order_confirmed": {}, "order_canceled": {"reason"}, "order_refunded": {"reason", "refunded_minor"},
	"payment_declined": {"reason", "decline_reason"}, "order_expiring": {"expires_at"},
}

// try fills each template, each language, so that a mistake is found before a user waits for the message.
func (t *Templates) try() error {
	for _, name := range slices.Sorted(maps.Keys(t.byName)) {
		for _, v := range t.byName[name] {
			if _, err := v.try(t.Sample(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// try fills a template with a sample.
func (v *variant) try(sample map[string]string) (Text, error) {
	text, err := v.render("", sample)
	var wrong *Unfit
	if err == nil || !errors.As(err, &wrong) {
		return text, err
	}
	if wrong.Missing {
		return text, fmt.Errorf("the template %s names {{.%s}}, which its message does not have; it may name %s",
			wrong.File, wrong.Parameter, strings.Join(slices.Sorted(maps.Keys(sample)), ", "))
	}
	return text, fmt.Errorf("the template %s cannot be filled with %v: %w", wrong.File, sample, wrong.cause)
}

// Sample is what trials and previews of a template are filled with. What only callers can know stands there as its own name.
func (t *Templates) Sample(name string) map[string]string {
	all := map[string]string{
		"order_id": "order:0198c0de-7b1a-7c3d-8e4f-5a6b7c8d9e0f", "currency": "EUR", "amount_minor": "3980", "refunded_minor": "1250",
		"reason": "CANCELED_BY_CLIENT", "decline_reason": "insufficient_funds", "expires_at": "2026-01-31T12:15:00Z",
		"subject": "About your order", "message": "Your parcel has left us.",
	}
	if own, fromEvents := told[name]; fromEvents {
		sample := map[string]string{}
		for _, parameter := range append([]string{"order_id", "currency", "amount_minor"}, own...) {
			sample[parameter] = all[parameter]
		}
		return sample
	}
	for _, v := range t.byName[name] {
		var wrong *Unfit
		for {
			_, err := v.render("", all)
			if !errors.As(err, &wrong) || !wrong.Missing || all[wrong.Parameter] != "" {
				break
			}
			all[wrong.Parameter] = placeholder(wrong.Parameter)
		}
	}
	return all
}

// placeholder stands for a parameter of which nothing is known but its name.
func placeholder(parameter string) string {
	switch {
	case strings.HasSuffix(parameter, "_minor"):
		return "1250"
	case strings.HasSuffix(parameter, "_at"):
		return "2026-01-31T12:15:00Z"
	case strings.HasSuffix(parameter, "currency"):
		return "EUR"
	default:
		return parameter
	}
}
