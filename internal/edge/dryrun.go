package edge

// dryRunHeader marks the answer to a request that was decided only, a refusal too.
const dryRunHeader = "Oms-Dry-Run"

// tellDryRun finds out whether the request asks to be decided only, and says so in the answer (requirement X-6). Any message with a
// field dry_run can ask.
func (s *Scope) tellDryRun() {
	if request, can := s.Call.Request.(interface{ GetDryRun() bool }); can && request.GetDryRun() {
		s.DryRun = true
		s.Call.SetHeader(dryRunHeader, "true")
	}
}
