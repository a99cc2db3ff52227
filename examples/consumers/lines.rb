# Follows the roster's changes as JSON lines. Run: cleverctl changes --consumer app --json --values | ruby lines.rb
require "json"

def apply(change)
  # Here the app writes its own rows; a change may come twice, so write what should be, not what is to be added.
  roles = (change["after"] || {}).fetch("roles", {}).keys.sort
  puts [change["op"], change["kind"], change["id"], roles.inspect].join(" ")
  $stdout.flush
end

$stdin.each_line { |line| apply(JSON.parse(line)) }
