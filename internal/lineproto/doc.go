// Package lineproto decodes the InfluxDB line protocol in the form that metric
// collectors of HPC clusters send:
//
//	metric,cluster=c,hostname=h[,type=t][,type-id=i][,stype=s][,stype-id=j] value=1.5 [time]
//
// The rules:
//
//   - Each line stands for itself. Nothing is taken over from the line before:
//     what a line does not say is absent, and its reader fills in the defaults.
//   - One bad line harms only itself: it is told with its line, column and
//     reason, and decoding goes on at the line after it.
//   - What is taken is taken whole. Unless all fields are asked for, a field that
//     is not "value" is refused, not skipped, since skipping would lose a number
//     in silence. If they are, a field that is a string is refused by itself: it
//     is line protocol, and its neighbours are numbers; and tags other than the
//     six are told too. Else these are skipped: they say units and the like.
//   - A newline inside the quotes of a string field does not end a line. Quotes
//     that are never closed, or closed by something else than the end of a
//     field, are an error, and then the first newline does end it, so that the
//     lines after it are not swallowed.
//
// Plain lines (printable ASCII without quotes and backslashes) are decoded here,
// without allocation, and their key not at all if it is known; every other line is decoded by
// github.com/influxdata/line-protocol, which is also what says why a line is
// wrong. FuzzParse holds the two together.
package lineproto
