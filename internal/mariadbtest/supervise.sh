# Keeps one MariaDB server under package supervise. $1 is a directory of this
# server's own, $2 the server program, $3 where its SQL scripts are, $4 a
# certificate and its key; it can start and restart.
trap '' PIPE

finish() {
	[ -z "$pid" ] || kill -9 "$pid"
	wait
	rm -rf "$1"
}
trap 'finish "$1"' EXIT
pid=

mkdir "$1/data"
printf '%s' "$4" >"$1/tls.pem"
# What mariadb-install-db does, without the programs of a client.
{
	echo 'CREATE DATABASE mysql;'
	echo 'USE mysql;'
	echo 'SET @auth_root_socket = NULL;'
	cat "$3/mysql_system_tables.sql" "$3/mysql_performance_tables.sql" "$3/mysql_system_tables_data.sql"
} | "$2" --no-defaults --bootstrap --basedir=/usr --datadir="$1/data" \
	--innodb-log-file-size=64M --innodb-flush-log-at-trx-commit=0 >"$1/log" 2>&1

while read -r action port; do
	if [ -n "$pid" ]; then
		kill -9 "$pid"
		wait "$pid"
	fi
	rm -f "$1/pid"
	"$2" --no-defaults --basedir=/usr --datadir="$1/data" \
		--bind-address=127.0.0.1 --port="$port" --socket="$1/socket" --pid-file="$1/pid" --skip-name-resolve \
		--ssl-cert="$1/tls.pem" --ssl-key="$1/tls.pem" \
		--innodb-log-file-size=64M --innodb-flush-log-at-trx-commit=1 --max-connections=200 >>"$1/log" 2>&1 &
	pid=$!
	# The server writes its own number down when it accepts connections.
	while [ ! -s "$1/pid" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
	if [ -s "$1/pid" ]; then
		echo ok
	else
		pid=
		echo failed
	fi
done
