package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"tallystick/internal/query"
)

// Tables in CSV (RFC 4180, lines end in LF): a row for each value, or for the
// statistics of each series. Columns are there whether they have something or not.
const (
	headCSV  = "cluster,node,type,type_id,stype,stype_id,group,range,metric,unit,step,"
	valueCSV = headCSV + "time,value,count\n"
	statsCSV = headCSV + "count,sum,avg,min,max\n"
)

func writeValuesCSV(w http.ResponseWriter, series []query.Series) error {
	e := newEncoder(w, typeCSV+"; charset=utf-8")
	e.text(valueCSV)
	var head []byte
	for i := range series {
		s := &series[i]
		head = appendHeadCSV(head[:0], s)
		for n := range s.Values {
			e.append(head)
			if _, err := e.Write(appendRowCSV(e.AvailableBuffer(), s, n)); err != nil {
				return err
			}
		}
	}
	return e.Flush()
}

// appendRowCSV adds the n-th value: its time, itself, empty for a gap, and how
// many series it is made of, if that was asked for.
func appendRowCSV(b []byte, s *query.Series, n int) []byte {
	b = append(strconv.AppendInt(b, s.From+int64(n)*s.Step, 10), ',')
	b = append(appendNumberCSV(b, float64(s.Values[n])), ',')
	if n < len(s.Counts) {
		b = strconv.AppendUint(b, uint64(s.Counts[n]), 10)
	}
	return append(b, '\n')
}

func writeStatsCSV(w http.ResponseWriter, series []query.Series) error {
	e := newEncoder(w, typeCSV+"; charset=utf-8")
	e.text(statsCSV)
	for i := range series {
		s := &series[i]
		b := appendHeadCSV(e.AvailableBuffer(), s)
		if t := s.Stats; t != nil {
			b = strconv.AppendInt(b, int64(t.Count), 10)
			for _, v := range [...]float64{t.Sum, t.Avg, t.Min, t.Max} {
				b = appendNumberCSV(append(b, ','), v)
			}
		}
		if _, err := e.Write(append(b, '\n')); err != nil {
			return err
		}
	}
	return e.Flush()
}

// appendHeadCSV adds the columns that all rows of a series have alike.
func appendHeadCSV(b []byte, s *query.Series) []byte {
	p := s.Level
	for _, name := range [...]string{p.Cluster, p.Node, p.Component.Type, p.Component.ID, p.Sub.Type, p.Sub.ID} {
		b = append(appendCSV(b, name), ',')
	}
	if s.Group != nil {
		b = strconv.AppendInt(b, int64(*s.Group), 10)
	}
	b = append(b, ',')
	b = append(strconv.AppendInt(b, int64(s.Range), 10), ',')
	b = append(appendCSV(b, s.Metric), ',')
	b = append(appendCSV(b, s.Unit), ',')
	return append(strconv.AppendInt(b, s.Step, 10), ',')
}

// appendNumberCSV adds v as in JSON; what is no number there is empty.
func appendNumberCSV(b []byte, v float64) []byte {
	if v-v != 0 { // NaN and the infinities
		return b
	}
	return query.Value(v).AppendJSON(b)
}

// appendCSV adds s, in quotes if it needs them.
func appendCSV(b []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n") && (s == "" || s[0] != ' ') {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}
