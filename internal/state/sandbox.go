package state

import (
	"strconv"
	"strings"
	"time"
)

// Everything that is made in a sandbox belongs to a tenant of its own, apart from real money as tenants are (requirement R-1). A slash
// marks such tenants: the name of no other tenant, and no identifier that a caller brings, can hold one (id.Partner).
const sandboxMark = "/sandbox"

// SandboxTenant is the tenant that a tenant's sandboxes belong to: what says how often each was reset, and the keys of the resets.
func SandboxTenant(tenant string) string { return tenant + sandboxMark }

// InSandbox tells whether a tenant is a sandbox, or holds some.
func InSandbox(tenant string) bool { return strings.Contains(tenant, sandboxMark) }

// Sandbox is where a provider tries things out with play money. A reset begins its next generation, which is a tenant of its own, with
// nothing in it. There is no row before the first reset.
type Sandbox struct {
	Tenant, ID string // "sandbox:<provider>"
	Generation int64  // 1 without a row
	ResetAt    time.Time
}

const sandboxPrefix = "sandbox:"

// SandboxRef names the row of a provider's sandbox; the tenant is that of the sandboxes.
func SandboxRef(tenant, provider string) Ref {
	return Ref{KindSandbox, tenant, sandboxPrefix + provider}
}

// Ref implements Row.
func (s *Sandbox) Ref() Ref { return Ref{KindSandbox, s.Tenant, s.ID} }

// EventSeq implements Row; a reset has no event.
func (s *Sandbox) EventSeq() int64 { return 0 }

// Provider is whose sandbox it is.
func (s *Sandbox) Provider() string { return s.ID[len(sandboxPrefix):] }

// Within answers the tenant that everything of the present generation belongs to: "acme/sandbox/studio/1".
func (s *Sandbox) Within() string {
	return s.Tenant + "/" + s.Provider() + "/" + strconv.FormatInt(s.Generation, 10)
}

// GenerationTenant answers the tenant that everything of a generation of a sandbox belongs to; id is the row's.
func GenerationTenant(tenant, id string, generation int64) string {
	return (&Sandbox{Tenant: tenant, ID: id, Generation: generation}).Within()
}

// What is left of an event of a generation that was purged: its place in the log and its id, by which readers know the log again. It is an
// event of nobody's sandbox, and says nothing.
const (
	PurgedTenant    = sandboxMark
	PurgedAggregate = sandboxPrefix + "purged"
	PurgedEvent     = "sandbox.purged"
)

// NewSandbox is the sandbox of a provider that was never reset.
func NewSandbox(tenant, provider string) *Sandbox {
	return &Sandbox{Tenant: tenant, ID: sandboxPrefix + provider, Generation: 1}
}
