//go:build race

package replay

// raced tells that the race detector watches: the whole file would take minutes.
const raced = true
