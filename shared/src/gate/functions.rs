//! The functions that SQL from anywhere may call: those of each engine that compute a value of their arguments and nothing
//! else. One that is not here may not be called, whatever it does. Left out on purpose are those that read files, settings
//! and variables, run SQL, wait or count, and in DuckDB those that make a text or list of any length of a few numbers
//! (`repeat`, `lpad`, `range` as a list, `printf`), since the gate binds a statement before anybody bounds its memory.
//! SQLite bounds the length of every value instead.

use crate::sql::lexer::Dialect;

const SQLITE: &str = "\
     abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling char coalesce concat concat_ws cos cosh count \
     cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor \
     format glob group_concat hex highlight if ifnull iif instr json json_array json_array_insert json_array_length \
     json_error_position json_extract json_group_array json_group_object json_insert json_object json_patch \
     json_pretty json_quote json_remove json_replace json_set json_type json_valid jsonb jsonb_array \
     jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch \
     jsonb_remove jsonb_replace jsonb_set julianday lag last_value lead length like likelihood likely ln log log10 \
     log2 lower ltrim match max median min mod nth_value ntile nullif octet_length percent_rank percentile \
     percentile_cont percentile_disc pi pow power printf quote radians rank replace round row_number rtrim sign sin \
     sinh snippet soundex sqrt strftime string_agg substr substring sum tan tanh time timediff total trim trunc \
     typeof unhex unicode unistr unistr_quote unixepoch unlikely upper";

const DUCKDB: &str = "\
     !__postfix abs acos acosh add age ago any_value apply approx_count_distinct approx_quantile approx_top_k \
     arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax argmin \
     array_agg array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains \
     array_cosine_distance array_cosine_similarity array_cross_product array_distance array_distinct \
     array_dot_product array_extract array_filter array_grade_up array_has array_has_all array_has_any \
     array_indexof array_inner_product array_intersect array_length array_negative_dot_product \
     array_negative_inner_product array_pop_back array_pop_front array_position array_prepend array_push_back \
     array_push_front array_reduce array_reverse array_reverse_sort array_select array_slice array_sort \
     array_to_json array_to_string array_transform array_unique array_value array_where array_zip ascii asin asinh \
     atan atan2 atanh avg base64 bin binom bit_and bit_count bit_length bit_or bit_position bit_xor bitstring_agg \
     bool_and bool_or cardinality cbrt ceil ceiling century char_length character_length chr coalesce concat \
     concat_ws contains corr cos cosh cot count count_if count_star countif covar_pop covar_samp cume_dist \
     current_date current_time damerau_levenshtein date_add date_diff date_part date_sub date_trunc datediff \
     datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month decade decimal_average \
     decimal_division decode degrees dense_rank divide editdist3 element_at encode ends_with entropy enum_code \
     enum_first enum_last enum_range enum_range_boundary epoch epoch_ms epoch_ns epoch_us equi_width_bins era even \
     exp factorial favg fdiv fill filter first first_value flatten floor fmod format_bytes \
     formatreadabledecimalsize formatreadablesize from_base64 from_binary from_hex fsum gamma gcd geomean \
     geometric_mean get_bit get_current_time get_current_timestamp grade_up greatest greatest_common_divisor \
     group_concat grouping grouping_id hamming hash hex histogram histogram_exact hour if ifnull ilike_escape instr \
     isfinite isinf isnan isodow isoyear jaccard jaro_similarity jaro_winkler_similarity json json_array \
     json_array_length json_contains json_deep_merge json_exists json_extract json_extract_path \
     json_extract_path_text json_extract_string json_group_array json_group_object json_group_structure json_insert \
     json_keys json_merge_patch json_merge_patch_diff json_normalize json_object json_pretty json_quote json_remove \
     json_replace json_set json_strip_nulls json_type json_valid json_value julian kahan_sum kurtosis kurtosis_pop \
     lag last last_day last_value lcase lcm lead least least_common_multiple left left_grapheme len length \
     length_grapheme levenshtein lgamma like_escape list list_aggr list_aggregate list_any_value list_append \
     list_apply list_approx_count_distinct list_avg list_bit_and list_bit_or list_bit_xor list_bool_and \
     list_bool_or list_cat list_concat list_contains list_cosine_distance list_cosine_similarity list_count \
     list_distance list_distinct list_dot_product list_element list_entropy list_extract list_filter list_first \
     list_grade_up list_has list_has_all list_has_any list_histogram list_indexof list_inner_product list_intersect \
     list_kurtosis list_kurtosis_pop list_last list_mad list_max list_median list_min list_mode \
     list_negative_dot_product list_negative_inner_product list_pack list_position list_prepend list_product \
     list_reduce list_reverse list_reverse_sort list_select list_sem list_skewness list_slice list_sort \
     list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform list_unique list_value list_var_pop \
     list_var_samp list_where list_zip listagg ln localtime localtimestamp log log10 log2 lower ltrim mad make_date \
     make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz make_type map map_concat \
     map_contains map_contains_entry map_contains_value map_entries map_extract map_extract_value map_from_entries \
     map_keys map_values max max_by md5 mean median microsecond millennium millisecond min min_by minute mismatches \
     mod mode month monthname multiply nanosecond nextafter nfc_normalize normalized_interval not_ilike_escape \
     not_like_escape now nth_value ntile nullif octet_length ord overlay parse_formatted_bytes path_join \
     percent_rank pi position pow power prefix product quantile quantile_cont quantile_disc quarter radians rank \
     rank_dense reduce regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches \
     regexp_replace regexp_split_to_array regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx \
     regr_sxy regr_syy replace reverse right right_grapheme round round_even roundbankers row row_number \
     row_to_json rtrim second sem set_bit sha1 sha256 sign signbit sin sinh skewness split split_part sqrt \
     starts_with stddev stddev_pop stddev_samp str_split str_split_regex strftime string_agg string_split \
     string_split_regex string_to_array strip_accents strlen strpos strptime struct_concat struct_contains \
     struct_extract struct_extract_at struct_has struct_indexof struct_insert struct_keys struct_pack \
     struct_position struct_update struct_values substr substring substring_grapheme subtract suffix sum sumkahan \
     switch tan tanh time_bucket timezone timezone_hour timezone_minute to_base to_base64 to_binary to_centuries \
     to_days to_decades to_hex to_hours to_json to_microseconds to_millennia to_milliseconds to_minutes to_months \
     to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp translate trim trunc \
     try_strptime typeof ucase unbin unhex unicode union_extract union_tag union_value unnest upper url_decode \
     url_encode uuid_extract_timestamp uuid_extract_version var_pop var_samp variance wavg week weekday weekofyear \
     weighted_avg xor year yearweek";

/// What may stand in FROM like a table.
const SQLITE_TABLES: [&str; 2] = ["json_each", "json_tree"];
const DUCKDB_TABLES: [&str; 5] = [
    "generate_series",
    "json_each",
    "json_tree",
    "range",
    "unnest",
];

/// True for a function, in lower case, that only computes. Operators, whose names have no letter, do.
pub fn allows_function(name: &str, dialect: Dialect) -> bool {
    let names = match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::DuckDb => DUCKDB,
    };
    let mut letters = name.chars().filter(|c| c.is_alphanumeric() || *c == '_');
    letters.next().is_none() || names.split_ascii_whitespace().any(|known| known == name)
}

/// The same for one that stands in FROM.
pub fn allows_table_function(name: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Sqlite => SQLITE_TABLES.contains(&name),
        Dialect::DuckDb => DUCKDB_TABLES.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_more_than_compute_is_not_there() {
        for name in [
            "load_extension",
            "readfile",
            "writefile",
            "edit",
            "fts3_tokenizer",
            "randomblob",
            "zeroblob",
            "changes",
            "total_changes",
            "last_insert_rowid",
            "sqlite_version",
            "lumos_ask",
            "lumos_exec",
            "lumos_query",
        ] {
            assert!(!allows_function(name, Dialect::Sqlite), "{name}");
        }
        for name in [
            "getenv",
            "read_text",
            "read_csv",
            "glob",
            "query",
            "query_table",
            "json_execute_serialized_sql",
            "getvariable",
            "current_setting",
            "nextval",
            "setseed",
            "sleep_ms",
            "pg_sleep",
            "write_log",
            "repeat",
            "lpad",
            "range",
            "printf",
            "lumos_search",
            "lumos_model_add",
            "duckdb_secrets",
            "sniff_csv",
            "parquet_scan",
            "which_secret",
            "error",
        ] {
            assert!(!allows_function(name, Dialect::DuckDb), "{name}");
        }
        for name in [
            "glob",
            "read_csv",
            "query",
            "query_table",
            "duckdb_settings",
            "sniff_csv",
            "repeat",
            "summary",
        ] {
            assert!(!allows_table_function(name, Dialect::DuckDb), "{name}");
        }
        for name in ["sum", "->>", "lower", "count"] {
            assert!(
                allows_function(name, Dialect::Sqlite) && allows_function(name, Dialect::DuckDb),
                "{name}"
            );
        }
    }

    #[test]
    fn names_are_listed_once_in_order() {
        for list in [SQLITE, DUCKDB] {
            let names: Vec<&str> = list.split_ascii_whitespace().collect();
            assert!(names.is_sorted_by(|a, b| a < b));
        }
    }
}
