# frozen_string_literal: true

peer = ENV.fetch("PEER")
verb = ENV.fetch("PEER_FPM")

set :application, "shop"
set :repo_url, ENV.fetch("PEER_ORIGIN")
set :branch, "main"
set :deploy_to, "/srv/peers/#{peer}"
set :linked_dirs, ["storage"]
set :format_options, log_file: nil
set :ssh_options, config: false,
                  keys: [ENV.fetch("PEER_KEY")],
                  keys_only: true,
                  auth_methods: ["publickey"],
                  user_known_hosts_file: ENV.fetch("PEER_KNOWN_HOSTS"),
                  verify_host_key: :always

# The classic way: after the symlink has changed, PHP-FPM is reloaded or restarted on all nodes.
task :fpm do
  on roles(:app) do
    execute :sudo, "systemctl", verb, "peer-fpm@#{peer}.service"
  end
end

after "deploy:publishing", "fpm" unless verb.empty?
