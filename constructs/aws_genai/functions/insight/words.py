"""The words of which a permitted statement is made: keywords, types, and functions that compute and do nothing else.

Functions that read or write elsewhere, or that tell about the session, are not among them. What is not listed is
refused, so that a new version of the engine permits nothing by itself.
https://trino.io/docs/current/functions/list.html
https://docs.aws.amazon.com/athena/latest/ug/functions.html
"""

from __future__ import annotations

_FUNCTIONS = """
abs acos all_match any_match any_value approx_distinct approx_most_frequent approx_percentile approx_set arbitrary
array_agg array_distinct array_except array_first array_intersect array_join array_last array_max array_min
array_position array_remove array_sort array_union arrays_overlap asin at_timezone atan atan2 avg bar bit_count
bitwise_and bitwise_and_agg bitwise_left_shift bitwise_not bitwise_or bitwise_or_agg bitwise_right_shift bitwise_xor
bool_and bool_or cardinality cbrt ceil ceiling char2hexint checksum chr coalesce codepoint combinations concat
concat_ws contains contains_sequence corr cos cosh cosine_similarity count count_if covar_pop covar_samp cume_dist
current_date current_time current_timestamp date date_add date_diff date_format date_parse date_trunc day day_of_month
day_of_week day_of_year degrees dense_rank dow doy e element_at empty_approx_set ends_with every exp extract filter
first_value flatten floor format format_datetime format_number from_base from_iso8601_date from_iso8601_timestamp
from_unixtime geometric_mean greatest grouping hamming_distance histogram hour human_readable_seconds if index
infinity inverse_normal_cdf is_finite is_infinite is_nan json_array_contains json_array_get json_array_length
json_extract json_extract_scalar json_format json_parse json_size kurtosis lag last_day_of_month last_value lead least
length levenshtein_distance listagg ln localtime localtimestamp log log10 log2 lower lpad ltrim luhn_check map map_agg
map_concat map_entries map_filter map_from_entries map_keys map_union map_values map_zip_with max max_by merge
millisecond min min_by minute mod month multimap_agg multimap_from_entries nan ngrams none_match normal_cdf normalize
now nth_value ntile nullif numeric_histogram parse_datetime parse_duration percent_rank pi position pow power quarter
radians rand random rank reduce regexp_count regexp_extract regexp_extract_all regexp_like regexp_position
regexp_replace regexp_split regr_intercept regr_slope repeat replace reverse round row row_number rpad rtrim second
sequence shuffle sign sin sinh skewness slice split split_part split_to_map sqrt starts_with stddev stddev_pop
stddev_samp strpos substr substring sum tan tanh timezone_hour timezone_minute to_char to_date to_iso8601
to_milliseconds to_unixtime transform transform_keys transform_values translate trim trim_array truncate try try_cast
typeof unnest upper url_decode url_encode url_extract_fragment url_extract_host url_extract_parameter url_extract_path
url_extract_port url_extract_protocol url_extract_query value_at_quantile values_at_quantiles var_pop var_samp
variance week week_of_year width_bucket with_timezone word_stem year year_of_week yow zip zip_with
"""
_CLAUSES = """
ALL AND ANY AS ASC AT BETWEEN BOTH BY CASE CAST CROSS CUBE CURRENT DESC DISTINCT ELSE END ESCAPE EXCEPT EXISTS FALSE
FETCH FIRST FOLLOWING FROM FULL GROUP GROUPING GROUPS HAVING IGNORE IN INNER INTERSECT INTERVAL IS JOIN LAST LATERAL
LEADING LEFT LIKE LIMIT NATURAL NEXT NOT NULL NULLS OFFSET ON ONLY OR ORDER ORDINALITY OUTER OVER PARTITION PRECEDING
RANGE RECURSIVE RESPECT RIGHT ROLLUP ROW ROWS SELECT SETS SOME THEN TIME TO TRAILING TRUE UNBOUNDED UNION USING VALUES
WHEN WHERE WINDOW WITH WITHIN WITHOUT ZONE
"""
_TYPES = """
ARRAY BIGINT BOOLEAN CHAR DATE DECIMAL DOUBLE INT INTEGER JSON MAP PRECISION REAL SMALLINT TIMESTAMP TINYINT VARCHAR
"""
_UNITS = "YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND"

FUNCTIONS = frozenset(_FUNCTIONS.split())
KEYWORDS = frozenset(f"{_CLAUSES} {_TYPES} {_UNITS}".split())
