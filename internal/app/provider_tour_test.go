package app_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// tourBlock matches commands of docs/provider-api.md, and what they are answered.
var tourBlock = regexp.MustCompile("(?s)```sh\n(.*?)```\n(?:\n```json\n(.*?)```\n)?")

// made matches what differs from run to run: ids and hexadecimal numbers that the system makes, and times but those far away.
var made = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|20[0-9-]{8}T[0-9:.]+Z`)

// betweenBlocks stands in the output behind what the commands of a block are answered.
const betweenBlocks = "-- end of a block --\n"

// What docs/provider-api.md shows can be pasted, in its order, and is answered so; -update-docs writes the answers.
func TestTourOfProviders(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("a stranger has %s: %v", program, err)
		}
	}
	page, err := os.ReadFile(tablePage)
	if err != nil {
		t.Fatal(err)
	}
	server := start(t)
	api, _, _, _ := server.Addresses()
	blocks := tourBlock.FindAllStringSubmatch(string(page), -1)
	script := ""
	for _, block := range blocks {
		script += block[1] + "echo '" + strings.TrimSpace(betweenBlocks) + "'\n"
	}
	said, err := exec.CommandContext(t.Context(), "bash", "-c", strings.Replace(script, "127.0.0.1:8080", api, 1)).CombinedOutput()
	answers := strings.Split(string(said), betweenBlocks)
	if err != nil || len(answers) != len(blocks)+1 || len(blocks) < 10 {
		t.Fatalf("%d blocks: %v\n%s", len(blocks), err, said)
	}
	updated := string(page)
	for i, block := range blocks {
		if unwrapped := strings.ReplaceAll(block[2], "\n ", ""); made.ReplaceAllString(unwrapped, "?") == made.ReplaceAllString(answers[i], "?") {
			continue
		}
		if !*updateDocs {
			t.Errorf("%s\nis answered\n%s\nand not as the page says; run the test with -update-docs", block[1], answers[i])
		}
		updated = strings.Replace(updated, block[0], "```sh\n"+block[1]+"```\n\n```json\n"+wrapped(answers[i])+"```\n", 1)
	}
	if *updateDocs && !t.Failed() && updated != string(page) {
		if err := os.WriteFile(tablePage, []byte(updated), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// wrapped breaks long lines of JSON behind commas; what goes on begins with a space.
func wrapped(lines string) string {
	const width = 148
	var b strings.Builder
	for line := range strings.Lines(lines) {
		for len(line) > width {
			at := strings.LastIndex(line[:width], `,"`) + 1
			if at == 0 {
				break
			}
			b.WriteString(line[:at] + "\n ")
			line = line[at:]
		}
		b.WriteString(line)
	}
	return b.String()
}
