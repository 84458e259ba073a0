//go:build !race

package replay

// raced tells whether the race detector watches.
const raced = false
