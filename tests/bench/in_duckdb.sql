-- The yardstick: the same read, join, score and Parquet write as one DuckDB query, without checks, shards, keys or digests.
copy (
    with profiles as (
        select
            customer_id,
            coalesce(crm.email, billing.email, product.email, support.email) as email,
            crm.* exclude (customer_id, email),
            billing.* exclude (customer_id, email),
            product.* exclude (customer_id, email),
            support.* exclude (customer_id, email),
            replace(lower(trim(payment_status)), ' ', '_') as payment,
            lower(trim(plan)) as tier,
            lower(trim(deal_stage)) as stage,
        from read_csv('{data}/crm.csv') as crm
        full join read_csv('{data}/billing.csv') as billing using (customer_id)
        full join read_csv('{data}/product.csv') as product using (customer_id)
        full join read_csv('{data}/support.csv') as support using (customer_id)
    ),
    points as (
        select
            *,
            50
            + case when usage_pct >= 80 then 20 when usage_pct >= 60 then 10 when usage_pct < 30 then -10 else 0 end
            + case when payment = 'active' then 15 when payment in ('past_due', 'failed') then -15 else 0 end
            + case when nps_score >= 9 then 10 when nps_score >= 7 then 5 when nps_score <= 5 then -10 else 0 end
            + case when open_tickets = 0 then 5 when open_tickets > 3 then -5 else 0 end as health,
            case when usage_pct < 30 then 3 when usage_pct < 50 then 1 else 0 end
            + case when payment in ('past_due', 'failed') then 3 else 0 end
            + case when nps_score <= 6 then 2 else 0 end
            + case when open_tickets > 3 then 1 else 0 end as churn,
            case when usage_pct >= 80 then 3 when usage_pct >= 60 then 1 else 0 end
            + case when tier in ('starter', 'free', 'basic') then 2 when tier in ('business', 'professional') then 1 else 0 end
            + case when nps_score >= 9 then 2 else 0 end
            + case when stage = 'enterprise' then 1 else 0 end as expansion,
        from profiles
    )
    select
        * exclude (payment, tier, stage, health, churn, expansion),
        greatest(0, least(100, health)) as health_score,
        case when churn >= 5 then 'HIGH' when churn >= 2 then 'MEDIUM' else 'LOW' end as churn_risk,
        case when expansion >= 5 then 'HIGH' when expansion >= 2 then 'MEDIUM' else 'LOW' end as expansion_potential,
    from points
) to '{out}' (format parquet)
