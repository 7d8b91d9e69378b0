# Keeps one PostgreSQL server under package supervise. $1 is a directory of this
# server's own, $2 where PostgreSQL's programs are; it can start and restart.
trap '' PIPE

# After a crash the server syncs all its files before it answers; on a busy
# disk that can take longer than pg_ctl's own limit of a minute.
export PGCTLTIMEOUT=300

finish() {
	"$2/pg_ctl" stop --mode=immediate --pgdata="$1/data" >>"$1/log" 2>&1
	rm -rf "$1"
}
trap 'finish "$1" "$2"' EXIT

"$2/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
	--pgdata="$1/data" >"$1/log" 2>&1

while read -r action port; do
	if "$2/pg_ctl" "$action" --wait --mode=immediate --pgdata="$1/data" --log="$1/log" \
		--options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=400" \
		>>"$1/log" 2>&1; then
		echo ok
	else
		echo failed
	fi
done
