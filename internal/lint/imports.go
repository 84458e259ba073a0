package lint

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Imports checks every import under internal/ and cmd/ against the map of rooms.
func Imports(tree *Tree, rooms []Room) []Finding {
	var findings []Finding
	for _, file := range tree.Files {
		if !strings.HasPrefix(file.Path, "internal/") && !strings.HasPrefix(file.Path, "cmd/") {
			continue
		}
		from := roomOf(path.Dir(file.Path))
		row, own, found := rowOf(from, rooms)
		if !found {
			findings = append(findings, Finding{
				Path: file.Path, Message: "room " + from + " has no row in the import map (internal/lint/rooms.go): say there what it may import",
			})
			continue
		}
		for _, spec := range file.Syntax.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // the parser has refused it before
			}
			if offence := row.offence(tree.Module, own, target, rooms); offence != "" {
				findings = append(findings, tree.at(spec.Pos(), "room %s may not import %s%s: %s", own, target, offence, row.Why))
			}
		}
	}
	return sorted(findings)
}

// offence tells why the room may not import the target; empty when it may. Its words follow the target's name.
func (r Room) offence(module, own, target string, rooms []Room) string {
	inModule := target == module || strings.HasPrefix(target, module+"/")
	switch {
	case inModule:
		room := roomOf(strings.TrimPrefix(strings.TrimPrefix(target, module), "/"))
		_, other, _ := rowOf(room, rooms)
		if other == own || slices.ContainsFunc(r.May, func(may string) bool { return allows(may, room) }) {
			return ""
		}
		return " (not among its rooms)"
	case r.links(target):
		return ""
	case !standard(target):
		return " (not among its libraries)"
	case isGated(target):
		return " (needs to be named among its libraries)"
	case r.Pure && forbiddenToPure(target):
		return " (it is a pure room)"
	}
	return ""
}

// links tells whether the target is among the room's libraries.
func (r Room) links(target string) bool {
	return slices.ContainsFunc(r.Libs, func(lib string) bool { return lib == Everything || within(target, lib) })
}

// roomOf turns a folder of the module into a room's name.
func roomOf(folder string) string { return strings.TrimPrefix(folder, "internal/") }

// rowOf answers the row of the longest pattern that covers a room, and the name of the room that the pattern makes of it.
func rowOf(room string, rooms []Room) (row Room, own string, found bool) {
	for _, candidate := range rooms {
		name, covers := cover(candidate.Name, room)
		if covers && (!found || longer(candidate.Name, row.Name)) {
			row, own, found = candidate, name, true
		}
	}
	return row, own, found
}

// longer tells whether pattern a is closer to a room than b, both covering it: by more names, then without a star.
func longer(a, b string) bool {
	depth := strings.Count(a, "/") - strings.Count(b, "/")
	return depth > 0 || depth == 0 && strings.Contains(b, "*")
}

// cover tells whether a pattern covers a folder, and answers the start of the folder that matched.
func cover(pattern, folder string) (start string, covers bool) {
	patterns, names := strings.Split(pattern, "/"), strings.Split(folder, "/")
	if len(names) < len(patterns) {
		return "", false
	}
	for i, p := range patterns {
		if p != "*" && p != names[i] {
			return "", false
		}
	}
	return strings.Join(names[:len(patterns)], "/"), true
}

// allows tells whether an entry of May covers a room.
func allows(may, room string) bool {
	if below, all := strings.CutSuffix(may, "/..."); all {
		return within(room, below)
	}
	return may == Everything || may == room
}

// within tells whether a path is a folder or below it.
func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

// standard tells whether an import path is of the standard library, whose paths begin with a name without a dot.
func standard(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return !strings.Contains(first, ".")
}

func isGated(target string) bool {
	return slices.ContainsFunc(gated, func(name string) bool { return within(target, name) })
}

func forbiddenToPure(target string) bool {
	return slices.ContainsFunc(pureForbids, func(name string) bool { return within(target, name) })
}
