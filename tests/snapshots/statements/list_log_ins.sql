-- list_log_ins
-- $1 user uuid
-- $2 before timestamptz
-- $3 before_id uuid
-- $4 most int8
-- returns id uuid
-- returns device_id uuid
-- returns device_name text
-- returns ip_address text
-- returns status text
-- returns created_at timestamptz
SELECT h.id, h.device_id, d.device_name, h.ip_address, h.status, h.created_at
           FROM auth.login_history h LEFT JOIN auth.devices d ON d.id = h.device_id
          WHERE h.user_id = $1 AND (h.created_at, h.id) < ($2, $3)
          ORDER BY h.created_at DESC, h.id DESC LIMIT $4
