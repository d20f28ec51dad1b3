//! Proxies that know nothing of models.

use super::{Contestant, Setting};

impl Contestant {
    /// nginx, unbuffered, as it must be for streams.
    pub fn nginx(setting: &Setting<'_>) -> anyhow::Result<Self> {
        let Setting { directory, address, instances: [a, b], .. } = setting;
        let path = directory.display();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {path}/nginx.pid; error_log {path}/error.log;\n\
             events {{ worker_connections 8192; }}\n\
             http {{\n\
               access_log off; client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;\n\
               uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi; keepalive_requests 100000000; keepalive_timeout 75s;\n\
               upstream instances {{ server {a}; server {b}; keepalive 256; keepalive_requests 100000000; }}\n\
               server {{\n\
                 listen {address} backlog=1024; tcp_nodelay on; client_max_body_size 32m;\n\
                 location / {{ proxy_pass http://instances; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }}\n\
               }}\n\
             }}\n"
        );
        setting.start("nginx", &config, |file| vec!["nginx".to_owned(), "-c".to_owned(), file])
    }

    /// haproxy.
    pub fn haproxy(setting: &Setting<'_>) -> anyhow::Result<Self> {
        let Setting { address, instances: [a, b], .. } = setting;
        let config = format!(
            "global\n  nbthread 1\n  maxconn 8192\n\
             defaults\n  mode http\n  timeout connect 5s\n  timeout client 75s\n  timeout server 75s\n  option http-no-delay\n  http-reuse always\n\
             frontend callers\n  bind {address}\n  default_backend instances\n\
             backend instances\n  balance roundrobin\n  server a {a}\n  server b {b}\n"
        );
        setting.start("haproxy", &config, |file| vec!["haproxy".to_owned(), "-db".to_owned(), "-f".to_owned(), file])
    }
}
