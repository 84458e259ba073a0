package lint

import (
	"os"
	"testing"
)

// TestRepository holds this repository to its own rules.
func TestRepository(t *testing.T) {
	tree, err := Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) == 0 {
		t.Fatal("no source found")
	}
	for name, findings := range map[string][]Finding{
		"imports":  Imports(tree, Rooms),
		"pure":     Pure(tree, Rooms),
		"floats":   Floats(tree, moneyRooms),
		"sizes":    Sizes(tree),
		"comments": Comments(tree),
	} {
		t.Run(name, func(t *testing.T) {
			for _, finding := range findings {
				t.Error(finding)
			}
		})
	}
}
