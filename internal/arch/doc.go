// Package arch has no code: its tests hold the house together.
//
// They read `go list`, the sources and ARCHITECTURE.md, and fail
//
//   - on an import that points up or sideways, and on a package that stands in
//     no row of the table;
//   - on a package of rows 0 and 1 that knows a logger, a clock, a goroutine,
//     the network or a file, the few aside whose work that is;
//   - when ARCHITECTURE.md says something else than the table, calls a package
//     "not yet" that is there, or names a test that is not.
package arch
