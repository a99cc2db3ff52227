# Follows the roster's changes in PostgreSQL. Run: DATABASE_URL=postgres://app@db/roster ruby sql.rb
require "pg"

READ = "SELECT seq, op, kind, id, after FROM clever.changes WHERE district_id = $1 AND seq > coalesce(
  (SELECT seq FROM clever.consumers WHERE district_id = $1 AND consumer = 'app'), 0) ORDER BY seq LIMIT 500"
KEEP = "INSERT INTO clever.consumers (district_id, consumer, seq, at) VALUES ($1, 'app', $2, now()::text)
  ON CONFLICT (district_id, consumer) DO UPDATE SET seq = excluded.seq, at = excluded.at"

def apply(change)
  # Here the app writes its own rows, in the transaction that also keeps how far it came: so each change counts once.
  puts change.values_at("op", "kind", "id").join(" ")
end

db = PG.connect(ENV.fetch("DATABASE_URL"))
db.exec("SELECT district_id FROM clever.districts").column_values(0).each do |district|
  loop do
    count = db.transaction do
      changes = db.exec_params(READ, [district]).to_a
      changes.each { |change| apply(change) }
      db.exec_params(KEEP, [district, changes.last["seq"]]) unless changes.empty?
      changes.size
    end
    break if count.zero?
  end
end
