package reliability

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Each rule that is broken on purpose is found by the case that is there for it; the same program passes when none is broken.
func TestDrillFindsPlantedBugs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a program of its own")
	}
	program := binary + "-drillbug"
	if err := build(program, "-tags", "drillbug"); err != nil {
		t.Fatal(err)
	}
	for bug, foundBy := range map[string]string{
		"": "", "no_idempotency": "doubled-requests", "oversell": "last-units", "lost_update": "last-units",
		"no_compensation": "late-callback", "no_late_callback_check": "late-callback", "double_capture": "gateway-faults",
		"lost_event": "followed", "ack_before_commit": "kill",
	} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			arguments := []string{"drill", "--quick", "--json", "--patience=20s"}
			switch foundBy {
			case "":
				arguments[3] = "--patience=90s"
			case "followed":
				arguments = append(arguments, "--only=last-units,followed")
			default:
				arguments = append(arguments, "--only="+foundBy)
			}
			command := exec.CommandContext(t.Context(), program, arguments...)
			command.Env = append(command.Environ(), "OMS_BREAK="+bug)
			var out, errOut bytes.Buffer
			command.Stdout, command.Stderr = &out, &errOut
			err := command.Run()
			var report struct {
				Verdicts []struct{ Name, Result string }
			}
			if cause := json.Unmarshal(out.Bytes(), &report); cause != nil {
				t.Fatalf("%v, %v: %s%s", err, cause, out.String(), errOut.String())
			}
			var failed []string
			for _, verdict := range report.Verdicts {
				if verdict.Result == "FAIL" {
					failed = append(failed, verdict.Name)
				}
			}
			if foundBy == "" && err != nil || foundBy != "" && !slices.Contains(failed, foundBy) {
				t.Errorf("failed are %q, want %q: %v\n%s", strings.Join(failed, ", "), foundBy, err, out.String())
			}
		})
	}
}
