package connector_test

import (
	"strings"
	"testing"

	"volenti.dev/volenti/connector/builtin"
)

// What is made over HTTP must neither read the files of the server nor show others
// what is in its environment.
func TestURLsThatUseNothingOfThisMachine(t *testing.T) {
	fine := map[string][]string{
		"postgres": {"postgres://u:p@db.example/shop", "postgres://u:p%40@[::1]:5432/shop?sslmode=verify-full&statement_timeout=1", "postgresql://u:p@a:1,b:2/shop"},
		"mysql":    {"mysql://u:p@10.0.0.1:3306/shop?ssl-mode=REQUIRED"},
		"mongodb":  {"mongodb://u:p@a:1,b:2/shop?replicaSet=x&tls=true&authSource=admin"},
		"mssql":    {"sqlserver://u:p@db/shop?encrypt=true", "sqlserver://u:p@db:1433/?database=shop"},
	}
	odd := map[string][]string{
		"sqlite": {"sqlite:/etc/passwd", "sqlite:shop.db", ""},
		"postgres": {
			"postgres://u@db/shop", "postgres://u:@db/shop", "postgres://db/shop", "postgres:///shop", "postgres://u:p@/shop", "postgres://u:p@db", "postgres://u:p@db/",
			"postgres://u:p@db/shop?passfile=/etc/shadow", "postgres://u:p@db/shop?sslkey=/k", "postgres://u:p@db/shop?SSLROOTCERT=/k", "postgres://u:p@db/shop?service=x", "postgres://u:p@db/shop?host=/var/run",
			"postgres://u:p@%2Fvar%2Frun/shop", "postgres://u:p@db,/shop", "postgres://u:p@db,%2Ftmp/shop", "postgres://u:p@db/shop?a=%zz", "postgres://u:p@db/shop?sslmode=require;passfile=x",
			"postgres://u:p@db/shop#?passfile=/x", "host=db user=u password=p dbname=shop", "", "://",
		},
		"mysql":   {"mysql://u:p@db/shop?ssl-ca=/etc/passwd", "mysql://u:p@db/shop?socket=/run/x", "mysql://u:p@db/shop?ssl-key=/k&ssl-cert=/c", "mysql://u@db/shop"},
		"mongodb": {"mongodb://u:p@db/shop?tlsCAFile=/x", "mongodb://u:p@db/shop?tlsCertificateKeyFile=/x", "mongodb://u:p@db/shop?authMechanism=MONGODB-AWS", "mongodb://u:p@%2Ftmp%2Fx.sock/shop", "mongodb://db/shop"},
		"mssql":   {"sqlserver://u:p@db/shop?certificate=/etc/passwd", "sqlserver://u:p@db/shop?krb5-keytabfile=/x", "sqlserver://u:p@db/shop?authenticator=krb5", "sqlserver://db/shop"},
	}
	local := func(kind, value string) error {
		for _, s := range builtin.Registry()[kind].Secrets {
			if s.Name == "url" && s.Local != nil {
				return s.Local(value)
			}
		}
		t.Fatalf("nobody looks at the URL of %s", kind)
		return nil
	}
	for kind, urls := range fine {
		for _, u := range urls {
			if err := local(kind, u); err != nil {
				t.Errorf("%s: %v", u, err)
			}
		}
	}
	for kind, urls := range odd {
		for _, u := range urls {
			if err := local(kind, u); err == nil {
				t.Errorf("%s is taken", u)
			} else if strings.Contains(err.Error(), "passwd") || strings.Contains(err.Error(), "shop") {
				t.Errorf("%v quotes it", err)
			}
		}
	}
}
