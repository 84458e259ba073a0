package edge

import (
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// SandboxAccess says whether a caller gets into the sandbox, where money is play money (requirement P-14).
type SandboxAccess uint8

// The kinds of access.
const (
	RealOnly    SandboxAccess = iota // never
	SandboxToo                       // by calls that ask for it
	SandboxOnly                      // always, and never to real money
)

// sandboxHeader asks for the sandbox where the path does not, as over gRPC; sandboxAnswer marks every answer of the sandbox.
const (
	sandboxHeader = "X-Sandbox"
	sandboxAnswer = "Oms-Sandbox"
)

// toSandbox finds out whether a call goes to the sandbox, and has it belong to the tenant of the sandboxes from here on: which of those it
// is, Options.Sandbox finds out, which may wait.
func (c Caller) toSandbox(call *Call) (Caller, *fault.Fault) {
	asked := call.Sandbox || call.Method.Service == contract.SandboxService
	if values := call.Header(sandboxHeader); len(values) > 0 {
		if len(values) > 1 || values[0] != "true" {
			return c, contract.Invalid([]fault.Violation{{
				Field: sandboxHeader, Reason: contract.HeaderInvalid, Description: "must be true, once; leave it out for real money",
			}})
		}
		asked = true
	}
	if !asked && c.Sandbox != SandboxOnly {
		return c, nil
	}
	call.Sandbox = true
	switch {
	case c.Sandbox == RealOnly:
		return c, fault.New(fault.PermissionDenied, "SANDBOX_FORBIDDEN", "the credential is of real money and may not call the sandbox")
	case !call.Method.Sandboxed():
		return c, fault.New(fault.PermissionDenied, "SANDBOX_ONLY", "the sandbox has the provider API only, see /provider/openapi.yaml; "+
			"for this method send a call, and a credential, of real money")
	}
	c.Tenant = state.SandboxTenant(c.Tenant)
	return c, nil
}

// tellSandbox marks the answer of a call that came to the sandbox, a refusal too.
func (call *Call) tellSandbox() {
	if call.Sandbox {
		call.SetHeader(sandboxAnswer, "true")
	}
}
