// Package replay sends the real orders of a shop through the server: the transactions of the data set "Online Retail", with all
// their dirt. It is the test that nobody wrote for us.
//
// What became of every line of the file is known at the end: a sale's line was accepted or refused, a credit note's line
// refunded, unmatched or refused, and the sums of these are the sums of the file, in exact decimals. The file is added up once
// more by code that shares nothing with the rest (sum.go), and the server is asked for its own totals; all three must agree to
// the penny.
//
// A replay can be stopped anywhere and started again, days later too, when the server has forgotten the idempotency keys. The
// server is the only memory: an order carries its invoice as client_reference and the lines that were refused in its
// metadata, a refund carries its credit note's line as reason. At the start all of it is read back (resume.go), and only what
// is missing is done. Keys, made of the same names, guard the moment of a crash.
package replay

// Attribution must stand wherever figures from the data are shown (CC BY 4.0).
const Attribution = "Data: \"Online Retail\", Daqing Chen, UCI Machine Learning Repository (2015), doi:10.24432/C5BW33, CC BY 4.0."
