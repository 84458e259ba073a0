package lint

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// goNames are the names of codes in Go.
var goNames = map[string]fault.Code{
	"OK": fault.OK, "Canceled": fault.Canceled, "Unknown": fault.Unknown, "InvalidArgument": fault.InvalidArgument,
	"DeadlineExceeded": fault.DeadlineExceeded, "NotFound": fault.NotFound, "AlreadyExists": fault.AlreadyExists,
	"PermissionDenied": fault.PermissionDenied, "ResourceExhausted": fault.ResourceExhausted,
	"FailedPrecondition": fault.FailedPrecondition, "Aborted": fault.Aborted, "OutOfRange": fault.OutOfRange,
	"Unimplemented": fault.Unimplemented, "Internal": fault.Internal, "Unavailable": fault.Unavailable, "DataLoss": fault.DataLoss,
	"Unauthenticated": fault.Unauthenticated,
}

// unknown says what is wrong with a use of a reason; empty when nothing is.
func unknown(use Use) string {
	entry := fault.Find(use.Reason)
	switch {
	case use.Field && slices.ContainsFunc(fault.FieldReasons(), func(f fault.FieldReason) bool { return f.Reason == use.Reason }):
		return ""
	case entry == nil:
		return fmt.Sprintf("%s:%d: the reason %q is not in the catalogue (internal/fault/reasons.go)", use.Path, use.Line, use.Reason)
	case use.Code != "" && goNames[use.Code] != entry.Code:
		return fmt.Sprintf("%s:%d: the reason %q comes with %s, in the catalogue with %s", use.Path, use.Line, use.Reason, use.Code, entry.Code)
	}
	return ""
}

// TestReasons holds every refusal to the catalogue, and the catalogue to the code (requirement C-5).
func TestReasons(t *testing.T) {
	tree, err := Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	uses, findings := Reasons(tree)
	for _, finding := range findings {
		t.Error(finding)
	}
	used := map[string]bool{}
	for _, use := range uses {
		used[use.Reason] = true
		if wrong := unknown(use); wrong != "" {
			t.Error(wrong)
		}
	}
	for _, entry := range fault.Catalogue() {
		switch {
		case !used[entry.Reason] && !entry.Announced:
			t.Errorf("nothing refuses with %s: take it out of the catalogue", entry.Reason)
		case used[entry.Reason] && entry.Announced:
			t.Errorf("%s is refused with: take the mark Announced away", entry.Reason)
		}
	}
	for _, field := range fault.FieldReasons() {
		if !used[field.Reason] {
			t.Errorf("no field is refused with %s: take it out of the catalogue", field.Reason)
		}
	}
}

// TestReasonsOfMethods holds the reasons that the contract announces to the catalogue, both ways: where the catalogue tells the order of a
// method's refusals, these are what the method announces, but for those that all methods share; and each reason that is not shared is
// announced somewhere.
func TestReasonsOfMethods(t *testing.T) {
	orders, announced := map[string][]string{}, map[string]bool{}
	for _, order := range fault.Orders() {
		orders[order.Method] = slices.DeleteFunc(order.Reasons, func(reason string) bool { return fault.Find(reason).Shared() })
	}
	for _, method := range slices.Concat(omsv1.Methods, providerv1.Methods) {
		for _, reason := range method.Reasons {
			announced[reason] = true
			if entry := fault.Find(reason); entry == nil || entry.Internal {
				t.Errorf("%s announces %s, which no caller is refused with", method.Name, reason)
			} else if entry.Shared() {
				t.Errorf("%s announces %s, which all methods share", method.Name, reason)
			}
		}
		if order, found := orders[method.Name]; found && method.Service == "oms.v1.OrderService" {
			delete(orders, method.Name)
			if !slices.Equal(slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(method.Reasons))) {
				t.Errorf("%s announces %v, and by the catalogue refuses with %v", method.Name, method.Reasons, order)
			}
		}
	}
	if len(orders) > 0 {
		t.Errorf("the catalogue has orders of methods that there are not: %v", orders)
	}
	for _, entry := range fault.Catalogue() {
		unheard := entry.Shared() || entry.Internal || entry.Announced || slices.Contains(ofShops, entry.Reason)
		if !announced[entry.Reason] && !unheard {
			t.Errorf("no method announces %s", entry.Reason)
		}
	}
}

// ofShops are refusals of the dialect of /api only, which has no proto.
var ofShops = []string{"PRODUCT_UNKNOWN", "AMOUNT_MISMATCH", "NOTIFICATION_SUPPRESSED", "CHANNEL_UNCONFIGURED"}

// TestReasonsAreShown looks for a test of each reason, or for why there is none.
func TestReasonsAreShown(t *testing.T) {
	shown := map[string]bool{}
	word := regexp.MustCompile(`[A-Z][A-Z0-9_]+[A-Z0-9]`)
	err := fs.WalkDir(os.DirFS("../.."), "internal", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, "/testdata/") || path.Dir(name) == "internal/lint" {
			return err
		}
		text, err := os.ReadFile("../../" + name)
		for _, found := range word.FindAll(text, -1) {
			shown[string(found)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range fault.Catalogue() {
		if shown[entry.Reason] == (entry.Unshown != "") && !entry.Announced {
			t.Errorf("%s: named in a test: %v; why it is in none: %q", entry.Reason, shown[entry.Reason], entry.Unshown)
		}
	}
}

func TestReasonsAreFollowed(t *testing.T) {
	tree := given(t, map[string]string{
		"internal/fault/fault.go": "package fault\nfunc New(code Code, reason, format string) {}\n",
		"internal/a/a.go": `package a
import "example.org/m/internal/fault"
const named = "NAMED"
func f(fine bool) {
	fault.New(fault.Aborted, "PLAIN", "")
	reason := named
	if fine { reason = "SET" }
	fault.New(fault.Internal, reason, "")
	pass(1, "PASSED")
	fault.New(fault.Internal, made(), "")
	_ = fault.Violation{Reason: "FIELD"}
}
func pass(n int, why string) { again(why) }
func again(why string) { fault.New(fault.Internal, why, "") }
`,
	})
	uses, findings := Reasons(tree)
	got := []string{}
	for _, use := range uses {
		got = append(got, fmt.Sprint(use.Reason, " ", use.Code, " ", use.Field))
	}
	slices.Sort(got)
	want := []string{"FIELD  true", "NAMED Internal false", "PASSED  false", "PLAIN Aborted false", "SET Internal false"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	then(t, findings, "internal/a/a.go:10: this reason cannot be followed")
}
