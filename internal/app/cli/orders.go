package cli

import (
	"context"
	"fmt"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// handle is `oms orders`. It goes through the running server, so that what it does is authorized and stands in the order's events.
type handle struct {
	target
	Stuck      stuck      `cmd:"" help:"List orders and payments of players that wait for longer than they should."`
	Retry      retryOrder `cmd:"" help:"Submit again the step that an order waits for."`
	Compensate compensate `cmd:"" help:"End an order: release its stock, give its money back."`
}

// stuck is `oms orders stuck`.
type stuck struct {
	OlderThan time.Duration `env:"-" help:"Time in a step; by default the limits that the server was started with."`
	JSON      bool          `env:"-" name:"json" help:"Write them as JSON."`
}

// Run lists stuck orders.
func (s *stuck) Run(c *console, ctx *contextOf, o *handle) error {
	if s.OlderThan < 0 || s.OlderThan%time.Second != 0 {
		return failure{exitUsage, fmt.Errorf("--older-than=%s: write whole seconds, such as 90s or 5m", s.OlderThan)}
	}
	var answer *omsv1.ListStuckOrdersResponse
	err := o.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) (err error) {
		answer, err = omsv1.NewOperationsServiceClient(conn).ListStuckOrders(ctx,
			&omsv1.ListStuckOrdersRequest{OlderThanSeconds: int32(s.OlderThan.Seconds())})
		return err
	})
	switch {
	case err != nil:
		return err
	case s.JSON:
		say(c.out, "%s\n", protojson.MarshalOptions{Multiline: true, UseProtoNames: true, EmitUnpopulated: true}.Format(answer))
		return nil
	}
	printStuckOrders(c, answer)
	printStuckPayments(c, answer)
	if answer.GetTruncated() {
		say(c.out, "\nNot everything was looked at.\n")
	}
	return nil
}

func printStuckOrders(c *console, answer *omsv1.ListStuckOrdersResponse) {
	if len(answer.GetOrders()) == 0 {
		say(c.out, "No stuck orders.\n")
		return
	}
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	say(table, "ORDER\tWAITS FOR\tSINCE\tSTATUS\tPAYMENT\tLAST ERROR\tWHAT TO DO\n")
	for _, found := range answer.GetOrders() {
		say(table, "%s\n", strings.Join([]string{
			found.GetOrderId(), found.GetStep(), moment(found.GetSince()), strings.TrimPrefix(found.GetStatus().String(), "ORDER_STATUS_"),
			strings.TrimPrefix(found.GetPaymentStatus().String(), "PAYMENT_STATUS_"), shorten(found.GetLastError()), plain(found.GetAdvice()),
		}, "\t"))
	}
	_ = table.Flush() // the terminal may be gone
}

// printStuckPayments writes nothing when there are none, as where nobody plays.
func printStuckPayments(c *console, answer *omsv1.ListStuckOrdersResponse) {
	if len(answer.GetPayments()) == 0 {
		return
	}
	say(c.out, "\n")
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	say(table, "PAYMENT OF A PLAYER\tTYPE\tWAITS FOR\tSINCE\tSTATUS\tLAST ERROR\tWHAT TO DO\n")
	for _, found := range answer.GetPayments() {
		say(table, "%s\n", strings.Join([]string{
			found.GetPaymentId(), found.GetType(), found.GetStep(), moment(found.GetSince()), found.GetStatus(), shorten(found.GetLastError()),
			plain(found.GetAdvice()),
		}, "\t"))
	}
	_ = table.Flush() // the terminal may be gone
}

// action is what both commands of an operator need.
type action struct {
	ID       string `arg:"" help:"order:<uuid>."`
	Reason   string `env:"-" required:"" help:"Why; kept with the order for ever."`
	Operator string `env:"-" help:"Who; by default the user of this machine."`
}

// who answers the operator.
func (a *action) who() string {
	if a.Operator != "" {
		return a.Operator
	}
	if account, err := user.Current(); err == nil && account.Username != "" {
		return account.Username
	}
	return "unknown"
}

// retryOrder is `oms orders retry`.
type retryOrder struct{ action }

// Run retries.
func (r *retryOrder) Run(c *console, ctx *contextOf, o *handle) error {
	return o.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) error {
		answer, err := omsv1.NewOperationsServiceClient(conn).RetryStep(freshKey(ctx),
			&omsv1.RetryStepRequest{OrderId: r.ID, Operator: r.who(), Reason: r.Reason})
		tellOrder(c, answer.GetOrder())
		return err
	})
}

// compensate is `oms orders compensate`.
type compensate struct{ action }

// Run compensates.
func (r *compensate) Run(c *console, ctx *contextOf, o *handle) error {
	return o.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) error {
		answer, err := omsv1.NewOperationsServiceClient(conn).ForceCompensation(freshKey(ctx),
			&omsv1.ForceCompensationRequest{OrderId: r.ID, Operator: r.who(), Reason: r.Reason})
		tellOrder(c, answer.GetOrder())
		return err
	})
}

func tellOrder(c *console, o *omsv1.Order) {
	if o != nil {
		say(c.out, "%s is %s, %s; its timeline tells what follows.\n", o.GetId(),
			strings.TrimPrefix(o.GetStatus().String(), "ORDER_STATUS_"), paymentOf(o))
	}
}

func paymentOf(o *omsv1.Order) string {
	status := o.GetPayment().GetStatus()
	if status == omsv1.PaymentStatus_PAYMENT_STATUS_UNSPECIFIED {
		return "without a payment"
	}
	return "its payment " + strings.TrimPrefix(status.String(), "PAYMENT_STATUS_")
}
