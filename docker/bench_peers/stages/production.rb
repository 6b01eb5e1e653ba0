# frozen_string_literal: true

ENV.fetch("PEER_NODES").split.each do |node|
  host, port = node.split("=").last.split(":")
  server host, port: port.to_i, user: "peer", roles: %w[app web]
end
