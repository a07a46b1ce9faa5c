SELECT
  "sales"."sale_id" AS "sale_id",
  "lists"."price" AS "price",
  sum("sales"."amount") AS "x"
FROM "sales"
JOIN (SELECT *, min("since") OVER (PARTITION BY "item" ORDER BY "since" GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING) AS "_until" FROM "lists" WHERE "lists"."since" IS NOT NULL AND "lists"."shop" = 'web') AS "lists" ON "sales"."item" = "lists"."item" AND "sales"."day" >= "lists"."since" AND ("lists"."_until" IS NULL OR "sales"."day" < "lists"."_until")
WHERE "lists"."shop" = 'web'
GROUP BY 1, 2
ORDER BY "sale_id" ASC NULLS LAST, "price" ASC NULLS LAST
LIMIT 200
