package order

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
)

// ChangeToken stands for an order at a version (requirement C-4). It is a function of the two, so that no row holds it and every process
// answers the same. To clients it is opaque: later it may cover more than the version, or less (docs/decisions/0017).
func ChangeToken(orderID string, version int64) string {
	sum := sha256.Sum256([]byte("change\x00" + orderID + "\x00" + strconv.FormatInt(version, 10)))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
