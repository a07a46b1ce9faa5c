"""The DuckDB functions that SQL may call.

Table functions are on an allow-list, since most of them read files, settings or the catalog. There are some eight
hundred other functions, nearly all of them arithmetic, so for those a deny-list is used instead. A test lists all
functions that have been reviewed, and fails if a new DuckDB version adds a function that is not listed.
"""

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row"})

_RUN_SQL = """query query_table json_serialize_sql json_deserialize_sql json_execute_serialized_sql
json_serialize_plan"""
_SETTINGS_AND_VARIABLES = "getvariable current_setting getenv which_secret add_parquet_key setseed"
_SESSION = """current_query current_query_id current_connection_id current_transaction_id txid_current in_search_path
current_database current_catalog current_schema current_schemas current_user current_role session_user user version
get_block_size pg_postmaster_start_time pg_conf_load_time pg_my_temp_schema"""
_SEQUENCES = "nextval currval setval"
_FILES = "read_text read_blob read_file glob pg_read_file"
_WAITING_AND_LOGS = "sleep_ms pg_sleep write_log parse_duckdb_log_message"
_CATALOG = (
    "pg_get_viewdef pg_get_constraintdef pg_get_expr obj_description shobj_description col_description format_type"
)
"""These reveal the catalog. The definition of a view, for example, contains the path of its file."""
_RAW_STATE = """combine finalize combine_aggr to_aggregate_state variant_bytes_to_variant variant_to_parquet_variant
create_sort_key index_key invoke stats vector_type"""
"""They accept or reveal DuckDB's internal representation, which has not been tested with forged bytes."""

DENIED_FUNCTIONS = frozenset(
    " ".join(
        (
            _RUN_SQL,
            _SETTINGS_AND_VARIABLES,
            _SESSION,
            _SEQUENCES,
            _FILES,
            _WAITING_AND_LOGS,
            _CATALOG,
            _RAW_STATE,
        )
    ).split()
)
_DENIED_PREFIXES = ("__internal", "duckdb_", "pragma_", "has_", "inet_")


def is_denied(function: str) -> bool:
    """Whether the function with that name, in lower case, must not be called."""
    return function in DENIED_FUNCTIONS or function.startswith(_DENIED_PREFIXES)
