// Command server runs Temporal's own server with the authority of Stillframe's certificates (authority.go), and its schema tool.
//
//	server start FILE [SERVICE...]   the services (all without a name) with one configuration file, until SIGTERM
//	server schema ARGS               Temporal's own SQL schema tool
package main

import (
	"fmt"
	"os"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/temporal"
	"go.temporal.io/server/tools/sql"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 0 && args[0] == "schema":
		return sql.RunTool(args)
	case len(args) > 1 && args[0] == "start":
		services := args[2:]
		if len(services) == 0 {
			services = temporal.DefaultServices
		}
		return start(args[1], services)
	}
	return fmt.Errorf("usage: server start FILE [SERVICE...] | server schema ARGS")
}

func start(file string, services []string) error {
	cfg, err := config.Load(config.WithConfigFile(file))
	if err != nil {
		return fmt.Errorf("the configuration %s cannot be read: %w", file, err)
	}
	server, err := temporal.NewServer(
		temporal.ForServices(services),
		temporal.WithConfig(cfg),
		temporal.WithLogger(log.NewZapLogger(log.BuildZapLogger(cfg.Log))),
		temporal.InterruptOn(temporal.InterruptCh()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claimMapper{} }),
		temporal.WithAuthorizer(authorizer{authorization.NewDefaultAuthorizer()}),
	)
	if err != nil {
		return err
	}
	return server.Start()
}
