WITH _grouped AS (
  SELECT
    "ledger"."dept" AS "dept",
    count(*) AS "rows"
  FROM "ledger"
  GROUP BY 1
), _figures AS (
  SELECT
    "dept",
    "rows",
    CASE WHEN sum("rows") OVER () > 0 THEN "rows" / sum("rows") OVER () END AS "share"
  FROM _grouped
)
SELECT *
FROM _figures
WHERE "share" > 0.25
ORDER BY "share" DESC NULLS LAST, "dept" ASC NULLS LAST
LIMIT 200
