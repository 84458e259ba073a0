package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// health is `oms health`: a container without a shell asks its own server whether commands are accepted.
type health struct {
	OpsAddr string `default:"127.0.0.1:9092" placeholder:"HOST:PORT" help:"Operations listener of the server."`
}

// healthTime is how long an answer may take.
const healthTime = 3 * time.Second

// Run asks; an exit code of 0 says yes.
func (h *health) Run(c *console, ctx *contextOf) error {
	limited, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, "http://"+reachable(h.OpsAddr)+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("--ops-addr=%s: %w", h.OpsAddr, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no server answers at --ops-addr=%s: %w", h.OpsAddr, err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", h.OpsAddr, err)
	}
	say(c.out, "%s\n", strings.TrimSpace(string(body)))
	if answer.StatusCode != http.StatusOK {
		return failure{code: exitFailed}
	}
	return nil
}
