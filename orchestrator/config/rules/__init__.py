"""Rules that compare several sections of the settings. Each rule is a pure function.

If the settings break a rule, the function returns one line, which names the key, the mistake and the remedy. Otherwise
the function returns None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.config.rules import files, hooks, names, origin, services, traffic

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings

Rule = Callable[["Settings"], str | None]

RULES: tuple[Rule, ...] = (
    names.names_are_short,
    names.deployments_are_no_colors,
    names.names_are_not_of_the_system,
    names.web_user_is_short,
    names.group_is_the_web_user_s,
    hooks.hooks_name_tasks_of_the_settings,
    traffic.marked_answers_need_a_token,
    traffic.groups_are_distinct,
    traffic.firewall_knows_the_switches,
    traffic.switches_can_show_a_page,
    traffic.maintenance_lets_the_probe_pass,
    traffic.preview_port_is_free,
    traffic.http2_needs_https,
    traffic.urls_have_no_path,
    traffic.users_are_distinct,
    traffic.cookies_are_distinct,
    services.services_are_distinct,
    services.sockets_have_short_paths,
    services.session_files_are_provided,
    services.runtime_fits_the_services,
    services.main_service_shows_no_code,
    services.assets_are_sent_by_nginx,
    services.static_runs_no_services,
    services.ports_are_distinct,
    services.workers_have_their_own_names,
    services.schedules_have_their_own_names,
    files.build_steps_are_distinct,
    files.web_steps_come_last,
    files.seeds_are_shared_directories,
    files.outputs_overlap_nothing,
    files.assets_are_relative_to_the_document_root,
    files.cached_files_are_assets,
    files.web_paths_are_relative_to_the_document_root,
    files.private_files_are_not_served,
    files.included_file_is_not_writable,
    files.shared_paths_do_not_overlap,
    files.release_files_are_not_shared,
    origin.builds_on_the_operator_machine_are_sent,
    origin.new_instances_need_no_operator,
    traffic.weights_rise_to_100,
    traffic.batches_end_with_all_nodes,
)
"""All rules for the settings, in the order of the checks. Only the first broken rule is reported."""


NEW: frozenset[Rule] = frozenset(
    {
        names.group_is_the_web_user_s,
        traffic.users_are_distinct,
        traffic.cookies_are_distinct,
        files.included_file_is_not_writable,
    }
)
"""Rules that settings in a journal need not keep, because the earlier version that began the run had no such rule."""


def problem(settings: Settings, recorded: bool = False) -> str | None:
    """Return the message of the first broken rule; None if the settings break no rule.

    + recorded: whether the settings come from a journal
    """
    rules = [rule for rule in RULES if not (recorded and rule in NEW)]
    return next((found for rule in rules if (found := rule(settings))), None)
