package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// money is `oms payments`.
type money struct {
	target
	Reconcile reconciliation `cmd:"" help:"List where payments and their gateway differ; 1 is the exit code then, and 3 when it cannot be told."`
}

// reconciliation is `oms payments reconcile`.
type reconciliation struct {
	From    time.Time     `env:"-" placeholder:"TIME" help:"What was made then or later, such as 2026-01-31T00:00:00Z; by default a day ago."`
	To      time.Time     `env:"-" placeholder:"TIME" help:"Those made before; by default now."`
	Gateway string        `env:"-" placeholder:"NAME" help:"The gateway; by default that of new payments."`
	Limit   int           `env:"-" default:"1000" help:"How many differences to list at most; the rest is counted."`
	Page    int32         `env:"-" default:"500" help:"Payments a call, 1 to 1000."`
	Settled time.Duration `env:"-" default:"1m" help:"How long a payment must have been as it is; what differs and is younger is still open."`
	JSON    bool          `env:"-" name:"json" help:"Write the report as JSON."`
}

// day is the time that is looked at when nobody says one.
const day = 24 * time.Hour

// Run compares, page by page.
func (r *reconciliation) Run(c *console, ctx *contextOf, m *money) error {
	if r.From.IsZero() {
		r.From = time.Now().Add(-day)
	}
	if r.To.IsZero() {
		r.To = time.Now()
	}
	switch {
	case !r.From.Before(r.To):
		return failure{exitUsage, fmt.Errorf("--from=%s must be before --to=%s", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))}
	case r.Settled < time.Second || r.Settled > day:
		return failure{exitUsage, fmt.Errorf("--settled=%v must be 1s to 24h", r.Settled)} //nolint:err113 // for a person
	case r.Limit < 1 || r.Page < 1 || r.Page > 1000:
		return failure{exitUsage, fmt.Errorf("--limit must be above 0, and --page 1 to 1000")} //nolint:err113 // for a person
	}
	report, unlisted, err := r.read(ctx, m)
	if err != nil {
		return failure{exitNotChecked, err}
	}
	if r.JSON {
		say(c.out, "%s\n", protojson.MarshalOptions{Multiline: true, UseProtoNames: true, EmitUnpopulated: true}.Format(report))
	} else {
		r.print(c.out, report, unlisted)
	}
	if len(report.GetDifferences()) > 0 {
		return failure{code: exitFailed}
	}
	return nil
}

// read adds the pages up to one report. unlisted counts the differences and open payments beyond the limit.
func (r *reconciliation) read(ctx context.Context, m *money) (report *omsv1.ReconcilePaymentsResponse, unlisted int, err error) {
	report = &omsv1.ReconcilePaymentsResponse{}
	request := &omsv1.ReconcilePaymentsRequest{
		Gateway: r.Gateway, CreatedFrom: timestamppb.New(r.From), CreatedTo: timestamppb.New(r.To), PageSize: r.Page,
		SettledSeconds: int32(r.Settled.Seconds()),
	}
	for {
		var page *omsv1.ReconcilePaymentsResponse
		err := m.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) (err error) { // a call has its time; all of them have what they need
			page, err = omsv1.NewOperationsServiceClient(conn).ReconcilePayments(ctx, request)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		report.Gateway = page.GetGateway()
		report.Here, report.AtGateway = addTotals(report.Here, page.GetHere()), addTotals(report.AtGateway, page.GetAtGateway())
		for _, lists := range []struct{ all, found *[]*omsv1.PaymentDifference }{
			{&report.Differences, &page.Differences}, {&report.Open, &page.Open},
		} {
			room := min(r.Limit-len(*lists.all), len(*lists.found))
			*lists.all = append(*lists.all, (*lists.found)[:room]...)
			unlisted += len(*lists.found) - room
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return report, unlisted, nil
		}
	}
}

// addTotals adds the totals of a page to those of the pages before.
func addTotals(all, page []*omsv1.PaymentTotals) []*omsv1.PaymentTotals {
	for _, more := range page {
		sum := totalOf(all, more.GetCurrency())
		if sum == nil {
			sum = &omsv1.PaymentTotals{Currency: more.GetCurrency()}
			all = append(all, sum)
		}
		sum.Payments += more.GetPayments()
		sum.HeldMinor += more.GetHeldMinor()
		sum.CapturedMinor += more.GetCapturedMinor()
		sum.VoidedMinor += more.GetVoidedMinor()
		sum.RefundedMinor += more.GetRefundedMinor()
		sum.PaidOutMinor += more.GetPaidOutMinor()
	}
	return all
}

func totalOf(all []*omsv1.PaymentTotals, currency string) *omsv1.PaymentTotals {
	for _, sum := range all {
		if sum.GetCurrency() == currency {
			return sum
		}
	}
	return nil
}

func (r *reconciliation) print(w io.Writer, report *omsv1.ReconcilePaymentsResponse, unlisted int) {
	say(w, "Gateway %s, orders created from %s to %s.\n\n", report.GetGateway(), r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339))
	if len(report.GetHere())+len(report.GetAtGateway()) == 0 {
		say(w, "No payments.\n")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	say(table, "CURRENCY\tBY\tPAYMENTS\tHELD\tCAPTURED\tVOIDED\tREFUNDED\tPAID OUT\n")
	for _, side := range []struct {
		name string
		sums []*omsv1.PaymentTotals
	}{{"books", report.GetHere()}, {"gateway", report.GetAtGateway()}} {
		for _, sum := range side.sums {
			say(table, "%s\t%s\t%d\t%s\n", sum.GetCurrency(), side.name, sum.GetPayments(), strings.ReplaceAll(amounts(sum), "/", "\t"))
		}
	}
	printDifferences(table, "difference", report.GetDifferences())
	printDifferences(table, "still open", report.GetOpen())
	_ = table.Flush() // the terminal may be gone
	if unlisted > 0 {
		say(w, "\nThere are %d more; --limit shows them.\n", unlisted)
	}
	say(w, "\n%d differences, %d open: minor units, held/captured/voided/refunded/paid out.\n", len(report.GetDifferences()), len(report.GetOpen()))
}

func printDifferences(table io.Writer, what string, differences []*omsv1.PaymentDifference) {
	if len(differences) > 0 {
		say(table, "\n%s\tORDER OR PAYMENT\tSTATUS\tBOOKS\tGATEWAY\n", strings.ToUpper(what))
	}
	for _, d := range differences {
		say(table, "%s\t%s\t%s\t%s\t%s\n", d.GetKind(), cmp.Or(d.GetOrderId(), d.GetPaymentId()),
			strings.TrimPrefix(d.GetStatus().String(), "PAYMENT_STATUS_"),
			withCurrency(d.GetHere()), withCurrency(d.GetAtGateway()))
	}
}

func withCurrency(sum *omsv1.PaymentTotals) string {
	if sum == nil {
		return "-"
	}
	return sum.GetCurrency() + " " + amounts(sum)
}

// amounts writes what was held, captured, voided, refunded and paid out.
func amounts(sum *omsv1.PaymentTotals) string {
	var texts []string
	for _, amount := range []int64{sum.GetHeldMinor(), sum.GetCapturedMinor(), sum.GetVoidedMinor(), sum.GetRefundedMinor(),
		sum.GetPaidOutMinor()} {
		texts = append(texts, strconv.FormatInt(amount, 10))
	}
	return strings.Join(texts, "/")
}
