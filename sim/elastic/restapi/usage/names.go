package usage

import (
	"maps"
	"slices"
	"strings"
)

// names are Elasticsearch's names of its handlers, each with where they stand: method and path.
// A path that begins with another's stands for all below it unless one of its own is there.
var names = map[string]string{
	"GET /": "main_action", "HEAD /": "main_action", "GET /_cat": "cat_action",

	"GET /_cat/aliases": "cat_alias_action", "GET /_cat/allocation": "cat_allocation_action", "GET /_cat/count": "cat_count_action",
	"GET /_cat/component_templates": "cat_component_template_action", "GET /_cat/fielddata": "cat_fielddata_action",
	"GET /_cat/health": "cat_health_action", "GET /_cat/indices": "cat_indices_action", "GET /_cat/master": "cat_master_action",
	"GET /_cat/nodeattrs": "cat_node_attrs_action", "GET /_cat/nodes": "cat_nodes_action",
	"GET /_cat/pending_tasks": "cat_pending_cluster_tasks_action", "GET /_cat/plugins": "cat_plugins_action",
	"GET /_cat/recovery": "cat_recovery_action", "GET /_cat/repositories": "cat_repositories_action",
	"GET /_cat/segments": "cat_segments_action", "GET /_cat/shards": "cat_shards_action", "GET /_cat/snapshots": "cat_snapshot_action",
	"GET /_cat/tasks": "cat_tasks_action", "GET /_cat/templates": "cat_templates_action", "GET /_cat/thread_pool": "cat_threadpool_action",

	"GET /_cluster/health": "cluster_health_action", "GET /_cluster/settings": "cluster_get_settings_action",
	"PUT /_cluster/settings": "cluster_update_settings_action", "GET /_cluster/state": "cluster_state_action",
	"POST /_cluster/reroute": "cluster_reroute_action", "GET /_cluster/stats": "cluster_stats_action",
	"GET /_cluster/allocation/explain": "cluster_allocation_explain_action", "POST /_cluster/allocation/explain": "cluster_allocation_explain_action",
	"GET /_cluster/pending_tasks": "pending_cluster_tasks_action", "GET /_remote/info": "remote_cluster_info_action",
	"POST /_cluster/voting_config_exclusions":   "add_voting_config_exclusions_action",
	"DELETE /_cluster/voting_config_exclusions": "clear_voting_config_exclusions_action",
	"GET /_health_report":                       "health_action", "GET /_tasks": "list_tasks_action", "GET /_tasks/{task_id}": "get_task_action",
	"POST /_tasks/_cancel": "cancel_tasks_action", "POST /_tasks/{task_id}/_cancel": "cancel_tasks_action",
	"GET /_internal/desired_balance": "get_desired_balance", "DELETE /_internal/desired_balance": "delete_desired_balance",

	"GET /_nodes": "nodes_info_action", "GET /_nodes/stats": "nodes_stats_action", "GET /_nodes/{nodeId}/stats": "nodes_stats_action",
	"GET /_nodes/usage": "nodes_usage_action", "GET /_nodes/{nodeId}/usage": "nodes_usage_action",
	"GET /_nodes/hot_threads": "nodes_hot_threads_action", "GET /_nodes/{nodeId}/hot_threads": "nodes_hot_threads_action",
	"GET /_nodes/hotthreads": "nodes_hot_threads_action", "GET /_nodes/{nodeId}/hotthreads": "nodes_hot_threads_action",

	"DELETE /": "delete_index_action", "DELETE /{index}": "delete_index_action", "PUT /{index}": "create_index_action",
	"GET /{index}": "get_indices_action", "HEAD /{index}": "get_indices_action",
	"POST /{index}/_close": "close_index_action", "POST /_close": "close_index_action",
	"POST /{index}/_open": "open_index_action", "POST /_open": "open_index_action", "PUT /{index}/_block/{block}": "add_index_block_action",
	"PUT /{index}/_shrink": "shrink_index_action", "POST /{index}/_shrink": "shrink_index_action",
	"PUT /{index}/_split": "split_index_action", "POST /{index}/_split": "split_index_action",
	"PUT /{index}/_clone": "clone_index_action", "POST /{index}/_clone": "clone_index_action",
	"POST /{index}/_rollover": "rollover_index_action",

	"GET /_alias": "get_aliases_action", "GET /_aliases": "get_aliases_action", "HEAD /_alias": "get_aliases_action",
	"GET /{index}/_alias": "get_aliases_action", "HEAD /{index}/_alias": "get_aliases_action", "POST /_aliases": "indices_aliases_action",
	"PUT /{index}/_alias": "index_put_alias_action", "POST /{index}/_alias": "index_put_alias_action", "PUT /_alias": "index_put_alias_action",
	"PUT /{index}/_aliases": "index_put_alias_action", "POST /{index}/_aliases": "index_put_alias_action", "POST /_alias": "index_put_alias_action",
	"PUT /_aliases": "index_put_alias_action", "POST /_aliases/{name}": "index_put_alias_action",
	"DELETE /{index}/_alias": "index_delete_aliases_action", "DELETE /{index}/_aliases": "index_delete_aliases_action",

	"GET /_settings": "get_settings_action", "GET /{index}/_settings": "get_settings_action", "GET /{index}/_setting": "get_settings_action",
	"PUT /_settings": "update_settings_action", "PUT /{index}/_settings": "update_settings_action",
	"GET /_mapping": "get_mapping_action", "GET /_mappings": "get_mapping_action", "GET /{index}/_mapping": "get_mapping_action",
	"GET /{index}/_mappings": "get_mapping_action", "PUT /{index}/_mapping": "put_mapping_action", "POST /{index}/_mapping": "put_mapping_action",
	"PUT /{index}/_mappings": "put_mapping_action", "POST /{index}/_mappings": "put_mapping_action",
	"GET /_mapping/field": "get_field_mapping_action", "GET /{index}/_mapping/field": "get_field_mapping_action",
	"GET /_segments": "indices_segments_action", "GET /{index}/_segments": "indices_segments_action",
	"GET /_shard_stores": "indices_shard_stores_action", "GET /{index}/_shard_stores": "indices_shard_stores_action",
	"GET /_resolve/index": "resolve_index_action", "GET /_recovery": "recovery_action", "GET /{index}/_recovery": "recovery_action",
	"GET /_stats": "indices_stats_action", "GET /{index}/_stats": "indices_stats_action",

	"PUT /_component_template": "put_component_template_action", "POST /_component_template": "put_component_template_action",
	"GET /_component_template": "get_component_template_action", "HEAD /_component_template": "get_component_template_action",
	"DELETE /_component_template": "delete_component_template_action",
	"PUT /_index_template":        "put_composable_index_template_action", "POST /_index_template": "put_composable_index_template_action",
	"GET /_index_template": "get_composable_index_template_action", "HEAD /_index_template": "get_composable_index_template_action",
	"DELETE /_index_template": "delete_composable_index_template_action", "POST /_index_template/_simulate_index": "simulate_index_template_action",
	"POST /_index_template/_simulate": "simulate_template_action",
	"GET /_template":                  "get_index_template_action", "HEAD /_template": "get_index_template_action",
	"DELETE /_template": "delete_index_template_action",

	"GET /_refresh": "refresh_action", "POST /_refresh": "refresh_action", "GET /{index}/_refresh": "refresh_action",
	"POST /{index}/_refresh": "refresh_action", "GET /_flush": "flush_action", "POST /_flush": "flush_action",
	"GET /{index}/_flush": "flush_action", "POST /{index}/_flush": "flush_action", "POST /_forcemerge": "force_merge_action",
	"POST /{index}/_forcemerge": "force_merge_action", "POST /_cache/clear": "clear_indices_cache_action",
	"POST /{index}/_cache/clear": "clear_indices_cache_action",

	"POST /{index}/_doc": "document_create_action_auto_id", "POST /{index}/_doc/{id}": "document_index_action",
	"PUT /{index}/_doc/{id}": "document_index_action", "POST /{index}/_create": "document_create_action",
	"PUT /{index}/_create": "document_create_action", "GET /{index}/_doc": "document_get_action", "HEAD /{index}/_doc": "document_get_action",
	"DELETE /{index}/_doc": "document_delete_action", "GET /{index}/_source": "document_get_source_action",
	"HEAD /{index}/_source": "document_get_source_action", "POST /{index}/_update": "document_update_action",
	"POST /_bulk": "bulk_action", "PUT /_bulk": "bulk_action", "POST /{index}/_bulk": "bulk_action", "PUT /{index}/_bulk": "bulk_action",
	"GET /_mget": "document_mget_action", "POST /_mget": "document_mget_action", "GET /{index}/_mget": "document_mget_action",
	"POST /{index}/_mget": "document_mget_action",

	"GET /_search": "search_action", "POST /_search": "search_action", "GET /{index}/_search": "search_action", "POST /{index}/_search": "search_action",
	"GET /_search/scroll": "search_scroll_action", "POST /_search/scroll": "search_scroll_action", "DELETE /_search/scroll": "clear_scroll_action",
	"GET /_msearch": "msearch_action", "POST /_msearch": "msearch_action", "GET /{index}/_msearch": "msearch_action",
	"POST /{index}/_msearch": "msearch_action", "GET /_count": "count_action", "POST /_count": "count_action",
	"GET /{index}/_count": "count_action", "POST /{index}/_count": "count_action",
	"GET /_validate/query": "validate_query_action", "POST /_validate/query": "validate_query_action",
	"GET /{index}/_validate/query": "validate_query_action", "POST /{index}/_validate/query": "validate_query_action",
	"POST /_pit": "open_point_in_time", "POST /{index}/_pit": "open_point_in_time", "DELETE /_pit": "close_point_in_time",
	"GET /_field_caps": "field_capabilities_action", "POST /_field_caps": "field_capabilities_action",
	"GET /{index}/_field_caps": "field_capabilities_action", "POST /{index}/_field_caps": "field_capabilities_action",
	"GET /_search_shards": "cluster_search_shards_action", "POST /_search_shards": "cluster_search_shards_action",
	"GET /{index}/_search_shards": "cluster_search_shards_action", "POST /{index}/_search_shards": "cluster_search_shards_action",

	"GET /_snapshot": "get_repositories_action", "PUT /_snapshot/{repository}": "put_repository_action",
	"POST /_snapshot/{repository}": "put_repository_action", "DELETE /_snapshot/{repository}": "delete_repository_action",
	"POST /_snapshot/{repository}/_verify": "verify_repository_action", "POST /_snapshot/{repository}/_cleanup": "cleanup_repository_action",
	"GET /_snapshot/_status": "snapshot_status_action", "GET /_snapshot/{repository}/_status": "snapshot_status_action",
	"GET /_snapshot/{repository}/{snapshot}/_status": "snapshot_status_action",
	"PUT /_snapshot/{repository}/{snapshot}":         "create_snapshot_action", "POST /_snapshot/{repository}/{snapshot}": "create_snapshot_action",
	"GET /_snapshot/{repository}/{snapshot}": "get_snapshots_action", "DELETE /_snapshot/{repository}/{snapshot}": "delete_snapshot_action",
	"POST /_snapshot/{repository}/{snapshot}/_restore": "restore_snapshot_action",

	// Of modules; these names come from the documented handlers of the default distribution.
	"PUT /_nodes/{nodeId}/shutdown": "put_shutdown_node", "GET /_nodes/shutdown": "get_shutdown_status", "GET /_nodes/{nodeId}/shutdown": "get_shutdown_status",
	"DELETE /_nodes/{nodeId}/shutdown": "delete_shutdown_node",
	"PUT /_ilm/policy":                 "ilm_put_action", "GET /_ilm/policy": "ilm_get_action", "DELETE /_ilm/policy": "ilm_delete_action",
	"POST /_ilm/stop": "ilm_stop_action", "POST /_ilm/start": "ilm_start_action", "GET /_ilm/status": "ilm_get_operation_mode_action",
	"GET /{index}/_ilm/explain": "ilm_explain_action", "POST /{index}/_ilm/retry": "ilm_retry_action", "POST /{index}/_ilm/remove": "ilm_remove_policy_for_index_action",
	"POST /_ilm/move":  "ilm_move_to_step_action",
	"GET /_slm/policy": "slm_get_lifecycle", "PUT /_slm/policy": "slm_put_lifecycle", "DELETE /_slm/policy": "slm_delete_lifecycle",
	"POST /_slm/policy/{name}/_execute": "slm_execute_lifecycle", "PUT /_slm/policy/{name}/_execute": "slm_execute_lifecycle",
	"POST /_slm/_execute_retention": "slm_execute_retention", "GET /_slm/stats": "slm_get_lifecycle_stats",
	"GET /_slm/status": "slm_get_operation_mode_action", "POST /_slm/start": "slm_start_action", "POST /_slm/stop": "slm_stop_action",
	"GET /_data_stream": "get_data_streams_action", "PUT /_data_stream": "create_data_stream_action", "DELETE /_data_stream": "delete_data_stream_action",
	"GET /_data_stream/_stats": "data_stream_stats_action", "GET /_data_stream/{name}/_stats": "data_stream_stats_action",
	"GET /_xpack": "xpack_info_action", "HEAD /_xpack": "xpack_info_action", "GET /_xpack/usage": "xpack_usage_action",
	"GET /_license": "get_license",
}

// Places are the methods and paths that have a name of their own.
func Places() []string { return slices.Sorted(maps.Keys(names)) }

// NameOf is the name of the handler that stands at a method and path, "" where none is known.
func NameOf(on string) string { return names[PlaceOf(on)] }

// PlaceOf is the method and path whose name is that of another: itself or what it begins with;
// "" where none has one.
func PlaceOf(on string) string {
	for on != "" {
		if names[on] != "" {
			return on
		}
		cut := strings.LastIndexByte(on, '/')
		if cut < 0 || !strings.Contains(on[:cut], "/") {
			return ""
		}
		on = on[:cut]
	}
	return ""
}
