package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/local"
	"tallystick/internal/auth/password"
	"tallystick/internal/cli"
	"tallystick/internal/config"
)

// A userEdit is what a command of `tallystick user` does, with the accounts open.
type userEdit func(ctx context.Context, db *accounts.DB, name string) error

func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Say who may log in, and in which roles",
		Long: `Say who may log in with a browser, and in which roles. The accounts are in the database of
the configuration (auth.accounts.database), which is made if it is not there. The server
may run meanwhile: a new password, another role, disabling and deleting count at once.

A new password is asked for at the terminal; from elsewhere, it is one line of the
standard input.`,
		Args: cobra.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(a.userAddCommand(), a.userListCommand(), a.userRoleCommand(),
		a.userOne("passwd NAME", "Give a new password, which ends the sessions of the old one", a.setPassword),
		a.userOne("disable NAME", "Let somebody in no more, and end their sessions", disabling(true)),
		a.userOne("enable NAME", "Let somebody in again", disabling(false)),
		a.userOne("delete NAME", "Delete an account, and end its sessions", func(ctx context.Context, db *accounts.DB, name string) error {
			return db.Delete(ctx, name)
		}))
	return cmd
}

// userOne returns the command that does something with the account of a name.
func (a *app) userOne(use, short string, do userEdit) *cobra.Command {
	return a.configured(&cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.Entering(func(cmd *cobra.Command) error {
				return a.withAccounts(cmd.Context(), func(db *accounts.DB) error {
					name, err := accounts.Name(args[0])
					if err != nil {
						return a.Usage("%w", err)
					}
					if err := do(cmd.Context(), db, name); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					return nil
				})
			})(cmd, args)
		},
	})
}

// withAccounts opens the accounts of the configuration for do.
func (a *app) withAccounts(ctx context.Context, do func(*accounts.DB) error) error {
	cfg, err := config.Load(a.Sources)
	if err != nil {
		return err
	}
	if cfg.Auth.Accounts.Database == "" {
		return errors.New("there are no accounts: set auth.accounts.database, to accounts.db for instance, here and for the server")
	}
	db, err := accounts.Open(ctx, cfg.Auth.Accounts, time.Now)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

func (a *app) userAddCommand() *cobra.Command {
	var (
		account accounts.Account
		roles   []string
		hash    string
	)
	cmd := a.userOne("add NAME --role ROLE[,ROLE…]", "Make an account with a password", func(ctx context.Context, db *accounts.DB, name string) (err error) {
		if account.Roles, err = auth.ParseRoles(roles); err != nil {
			return a.Usage("--role: %w", err)
		}
		account.Name, account.Source, account.Subject, account.Password = name, local.Source, name, hash
		if hash != "" && !password.Known(hash) {
			return a.Usage("--hash: is neither of argon2id nor of bcrypt")
		}
		if hash == "" {
			if account.Password, err = a.newPassword(ctx); err != nil {
				return err
			}
		}
		return db.Add(ctx, account)
	})
	cmd.Example = `  tallystick user add alice --role viewer,validator --email alice@example.org
  tallystick user add bob --role admin < password.txt
  tallystick user add carol --role viewer --hash '$2a$10$…'   # from cc-backend's user table`
	cmd.Flags().StringSliceVar(&roles, "role", nil, "`roles`: viewer, writer, validator, operator, admin")
	cmd.Flags().StringVar(&account.DisplayName, "display-name", "", "`name` for people")
	cmd.Flags().StringVar(&account.Email, "email", "", "mail `address`")
	cmd.Flags().StringSliceVar(&account.Projects, "project", nil, "`projects`")
	cmd.Flags().StringVar(&hash, "hash", "", "`hash` of the password, of argon2id or bcrypt, in place of the password")
	if err := cmd.MarkFlagRequired("role"); err != nil {
		panic(err) // there is no such flag: a slip in this function
	}
	return cmd
}

func (a *app) userRoleCommand() *cobra.Command {
	var roles []string
	cmd := a.userOne("role NAME --role ROLE[,ROLE…]", "Give somebody other roles", func(ctx context.Context, db *accounts.DB, name string) error {
		parsed, err := auth.ParseRoles(roles)
		if err != nil {
			return a.Usage("--role: %w", err)
		}
		return changeNamed(ctx, db, name, func(a *accounts.Account) { a.Roles = parsed })
	})
	cmd.Flags().StringSliceVar(&roles, "role", nil, "`roles`, all that there shall be")
	if err := cmd.MarkFlagRequired("role"); err != nil {
		panic(err) // there is no such flag: a slip in this function
	}
	return cmd
}

func changeNamed(ctx context.Context, db *accounts.DB, name string, do func(*accounts.Account)) error {
	account, err := db.Account(ctx, name)
	if err != nil {
		return err
	}
	return db.Change(ctx, account.ID, do)
}

func disabling(disabled bool) userEdit {
	return func(ctx context.Context, db *accounts.DB, name string) error {
		return changeNamed(ctx, db, name, func(a *accounts.Account) { a.Disabled = disabled })
	}
}

// setPassword gives a local account a new password.
func (a *app) setPassword(ctx context.Context, db *accounts.DB, name string) error {
	account, err := db.Account(ctx, name)
	if err != nil {
		return err
	}
	if account.Source != local.Source {
		return fmt.Errorf("the password is not kept here, but at the source %s", account.Source)
	}
	hash, err := a.newPassword(ctx)
	if err != nil {
		return err
	}
	return db.Change(ctx, account.ID, func(a *accounts.Account) { a.Password = hash })
}

// newPassword asks for a password, and returns its hash.
func (a *app) newPassword(ctx context.Context) (string, error) {
	text, err := a.readPassword()
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	word, err := password.Normal(text)
	if err != nil {
		return "", err
	}
	hasher, err := password.New(1)
	if err != nil {
		return "", err
	}
	return hasher.Hash(ctx, word)
}

// readPassword reads a password without echo, twice, or a line of what is no terminal.
func (a *app) readPassword() (string, error) {
	in, ok := a.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(a.Stdin, 2*password.Max)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	}
	var words [2]string
	for i, prompt := range []string{"New password: ", "Once more: "} {
		fmt.Fprint(a.Stderr, prompt)
		word, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(a.Stderr)
		if err != nil {
			return "", err
		}
		words[i] = string(word)
	}
	if words[0] != words[1] {
		return "", errors.New("the two differ")
	}
	return words[0], nil
}

func (a *app) userListCommand() *cobra.Command {
	return a.configured(&cobra.Command{
		Use: "list", Short: "List all accounts", Args: cobra.NoArgs,
		RunE: a.Entering(func(cmd *cobra.Command) error {
			return a.withAccounts(cmd.Context(), func(db *accounts.DB) error { return a.listUsers(cmd.Context(), db) })
		}),
	})
}

func (a *app) listUsers(ctx context.Context, db *accounts.DB) error {
	all, err := db.List(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLES\tSOURCE\tSTATE\tEMAIL")
	for _, u := range all {
		state := "enabled"
		if u.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, roleList(u.Roles), u.Source, state, u.Email)
	}
	return w.Flush()
}

func roleList(roles []auth.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}
