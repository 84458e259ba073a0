package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// catalogue is `oms catalogue`. It goes through the running server, so that what it does is authorized and stands in the log.
type catalogue struct {
	target
	Import catalogueImport `cmd:"" help:"Set the prices of a CSV file (sku,currency,price), all or none."`
}

// catalogueImport is `oms catalogue import`.
type catalogueImport struct {
	File string `arg:"" type:"existingfile" help:"CSV: a first line sku,currency,price, then 1 to 1,000 lines such as P001,EUR,12.50."`
}

// importReport is an answer that tells every bad line.
type importReport []*errdetails.BadRequest_FieldViolation

func (r importReport) Error() string {
	lines := make([]string, 0, len(r)+1)
	lines = append(lines, "nothing was imported:")
	for _, violation := range r {
		lines = append(lines, fmt.Sprintf("  %s: %s", violation.GetField(), violation.GetDescription()))
	}
	return strings.Join(lines, "\n")
}

// Run imports a file.
func (i *catalogueImport) Run(c *console, ctx *contextOf, all *catalogue) error {
	text, err := os.ReadFile(i.File)
	if err != nil {
		return fmt.Errorf("read the prices: %w", err)
	}
	var report importReport
	err = all.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) error {
		answer, err := omsv1.NewCatalogueServiceClient(conn).ImportPrices(freshKey(ctx), &omsv1.ImportPricesRequest{Csv: string(text)})
		if err != nil {
			report = violationsOf(err)
			return err
		}
		say(c.out, "Imported %d prices.\n", answer.GetPrices())
		return nil
	})
	if len(report) > 0 {
		return report
	}
	return err
}

// violationsOf answers what a refusal tells of fields.
func violationsOf(err error) importReport {
	for _, detail := range status.Convert(err).Details() {
		if bad, is := detail.(*errdetails.BadRequest); is {
			return bad.GetFieldViolations()
		}
	}
	return nil
}
