package xrootd_test

import (
	"testing"

	"tallystick/internal/xrootd"
)

func TestParseIdent(t *testing.T) {
	f := func(rest string, want xrootd.Ident) {
		t.Helper()
		got, err := xrootd.ParseIdent([]byte(rest))
		if err != nil {
			t.Error(err)
		}
		wantEqual(t, got, want)
	}
	f("&site=SITE_S0&port=21094&inst=s0&pgm=xrootd&ver=v5.5.3",
		xrootd.Ident{Site: "SITE_S0", Instance: "s0", Program: "xrootd", Version: "v5.5.3", Port: 21094})
	f("&site=&port=0&inst=anon&pgm=frm_purged", xrootd.Ident{Instance: "anon", Program: "frm_purged"})
	f("&new=1&site=A=B&host=h&", xrootd.Ident{Site: "A=B", Host: "h"})
	f("", xrootd.Ident{})

	for _, port := range []string{"", "-1", "65536", "http"} {
		_, err := xrootd.ParseIdent([]byte("&site=S&port=" + port))
		wantError(t, err, xrootd.ReasonField, 13)
	}
}

func TestParseLogin(t *testing.T) {
	f := func(rest string, want xrootd.Login) {
		t.Helper()
		wantEqual(t, xrootd.ParseLogin([]byte(rest)), want)
	}
	f("&p=unix&n=root&h=[::ffff:127.0.0.1]&o=&r=&g=root&m=&R=v5.5.3&x=my_app-1.2&y=job=17&I=4&I=4", xrootd.Login{
		Protocol: "unix", Name: "root", Host: "[::ffff:127.0.0.1]", Groups: "root",
		ClientVersion: "v5.5.3", App: "my_app-1.2", MonInfo: "job=17", IPVersion: 4,
	})
	f("&p=gsi&n=ann&h=h&o=cms&r=production&g=/cms&m=/DC=ch/CN=Ann", xrootd.Login{
		Protocol: "gsi", Name: "ann", Host: "h", VO: "cms", Role: "production", Groups: "/cms", DN: "/DC=ch/CN=Ann",
	})
	f("&p=http&n=&h=h&I=6", xrootd.Login{Protocol: "http", Host: "h", IPVersion: 6})
	f("&p=unix&n=ann&R=v5&x=a&n=root&y=b", xrootd.Login{Protocol: "unix", Name: "ann", ClientVersion: "v5", App: "a", MonInfo: "b"})
	f("garbage&I=four", xrootd.Login{})
}

func TestParseFlow(t *testing.T) {
	got, err := xrootd.ParseFlow([]byte("&Uc=4294967295&Ec=3&Ac=14"))
	if err != nil {
		t.Error(err)
	}
	wantEqual(t, got, xrootd.Flow{User: 1<<32 - 1, Experiment: 3, Activity: 14})
	_, err = xrootd.ParseFlow([]byte("&Uc=4294967296"))
	wantError(t, err, xrootd.ReasonField, 4)
	_, err = xrootd.ParseFlow([]byte("&Uc=1&Ec=1x"))
	wantError(t, err, xrootd.ReasonField, 9)
}

func TestParseToken(t *testing.T) {
	got, err := xrootd.ParseToken([]byte("&Uc=12&s=sub&n=ann&o=cms&r=pilot&g=/cms,/cms/x"))
	if err != nil {
		t.Error(err)
	}
	wantEqual(t, got, xrootd.Token{User: 12, Subject: "sub", Name: "ann", VO: "cms", Role: "pilot", Groups: "/cms,/cms/x"})
	_, err = xrootd.ParseToken([]byte("&Uc="))
	wantError(t, err, xrootd.ReasonField, 4)
}

func TestParsePurge(t *testing.T) {
	got, err := xrootd.ParsePurge([]byte("&tod=1&sz=2&at=3&ct=4&mt=5&fn=l"))
	if err != nil {
		t.Error(err)
	}
	wantEqual(t, got, xrootd.Purge{Time: 1, Size: 2, Accessed: 3, Created: 4, Modified: 5, Link: true})
	_, err = xrootd.ParsePurge([]byte("&tod=1&sz=2.5"))
	wantError(t, err, xrootd.ReasonField, 10)
}

func TestParseStage(t *testing.T) {
	got, err := xrootd.ParseStage([]byte("&tod=1&sz=2&qt=3&tm=4&op=s&rc=-5&pd=slow"))
	if err != nil {
		t.Error(err)
	}
	wantEqual(t, got, xrootd.Stage{Time: 1, Size: 2, Queued: 3, Took: 4, Op: "s", Code: -5, Progress: "slow"})
	got, err = xrootd.ParseStage([]byte("&tod=1&sz=&rc=0"))
	if err != nil {
		t.Error(err)
	}
	wantEqual(t, got, xrootd.Stage{Time: 1})
	_, err = xrootd.ParseStage([]byte("&rc=bad"))
	wantError(t, err, xrootd.ReasonField, 4)
}
