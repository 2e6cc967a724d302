"""Mistakes in substrate/ that must not pass."""

# Each: what is broken, where, by what; and what the message has to name.
MUTATIONS = {
    "unknown argument": (
        "gke/cluster.tf", "enable_private_nodes    = true", "enable_private_node     = true",
        ["cluster.tf", '"enable_private_node"']),
    "wrong type": (
        "gke/network.tf", "auto_create_subnetworks = false", 'auto_create_subnetworks = "never"',
        ["network.tf", "auto_create_subnetworks"]),
    "block in place of an argument": (
        "gke/nodes.tf", 'metadata        = { "disable-legacy-endpoints" = "true" }', "metadata {\n    }",
        ["nodes.tf", '"metadata"']),
    "dangling reference": (
        "gke/network.tf", "google_compute_router.this.name", "google_compute_router.main.name",
        ["network.tf", "google_compute_router", '"main"']),
    "unknown attribute": (
        "gke/outputs.tf", "google_compute_address.edge.address", "google_compute_address.edge.ip",
        ["outputs.tf", '"ip"']),
    "missing required": (
        "gke/network.tf", "  source_subnetwork_ip_ranges_to_nat = \"LIST_OF_SUBNETWORKS\"\n", "",
        ["network.tf", '"source_subnetwork_ip_ranges_to_nat"']),
    "missing block": (
        "gke/secrets.tf", "  replication {\n    auto {}\n  }\n", "",
        ["secrets.tf", "replication"]),
    "unknown resource": (
        "gke/registry.tf", 'resource "google_artifact_registry_repository" "this"',
        'resource "google_artifact_registry" "this"',
        ["registry.tf", '"google_artifact_registry"']),
    "unknown variable": (
        "gke/cluster.tf", "var.private_endpoint", "var.private_endpoints",
        ["cluster.tf", '"private_endpoints"']),
    "nodes with public addresses": (
        "gke/cluster.tf", "enable_private_nodes    = true", "enable_private_nodes    = false",
        ["cluster.this.private_cluster_config.enable_private_nodes"]),
    "wrong channel": (
        "gke/cluster.tf", "CHANNEL_DISABLED", "CHANNEL_STANDARD",
        ["cluster.this.gateway_api_config.channel"]),
    "spot by default": (
        "gke/variables.tf", "spot         = optional(bool, false)", "spot         = optional(bool, true)",
        ["node_pool.gpu.node_config.spot"]),
    "a quota that counts nodes": (
        "gke/outputs.tf", "var.gpu_pool.max * var.gpu_pool.per_node", "var.gpu_pool.max",
        ["output.gpu_quota"]),
    "labels that the nodes do not have": (
        "gke/outputs.tf", "google_container_node_pool.gpu.node_config[0].labels", "google_container_node_pool.cpu.node_config[0].labels",
        ["output.gpu_node_labels"]),
    "a GPU that is always there": (
        "gke/nodes.tf", "total_min_node_count = 0", "total_min_node_count = 1",
        ["node_pool.gpu.autoscaling.total_min_node_count"]),
    "open authorised network": (
        "gke/cluster.tf", "cidr_block   = cidr_blocks.value", 'cidr_block   = "0.0.0.0/0"',
        ["cluster.this.master_authorized_networks_config"]),
    "open authorised network accepted": (
        "gke/variables.tf", "tonumber(split(\"/\", range)[1]) >= 8", "tonumber(split(\"/\", range)[1]) >= 0",
        ["refuses_an_open_control_plane", "var.authorised_networks"]),
    "firewall open to all": (
        "gke/network.tf", "[var.network.control_plane]", '["0.0.0.0/0"]',
        ["firewall.webhooks.source_ranges"]),
    "firewall with a port more": (
        "gke/network.tf", "ports    = local.webhook_ports", 'ports    = concat(local.webhook_ports, ["22"])',
        ["firewall.webhooks.allow.ports"]),
    "no deletion protection": (
        "gke/cluster.tf", "deletion_protection = var.deletion_protection", "deletion_protection = false",
        ["cluster.this.deletion_protection"]),
    "node identity for pods": (
        "gke/nodes.tf", 'mode = "GKE_METADATA"', 'mode = "GCE_METADATA"',
        ["node_pool.*.node_config.workload_metadata_config.mode"]),
    "old Kubernetes accepted": (
        "gke/variables.tf", ">= 35, false)", ">= 30, false)",
        ["refuses_an_old_kubernetes", "var.kubernetes_version"]),
    "secrets readable by all": (
        "gke/secrets.tf", "${local.workload}/ns/external-secrets/sa/external-secrets",
        "allAuthenticatedUsers",
        ["secret_iam_member.external_secrets"]),
    "a bucket that can be made public": (
        "gke/modules/bucket/main.tf", 'public_access_prevention    = "enforced"', 'public_access_prevention    = "inherited"',
        ["bucket.public_access_prevention"]),
    "a bucket whose objects have access lists": (
        "gke/modules/bucket/main.tf", "uniform_bucket_level_access = true", "uniform_bucket_level_access = false",
        ["bucket.uniform_bucket_level_access"]),
    "a bucket that keeps no versions": (
        "gke/modules/bucket/main.tf", "versioning {\n    enabled = true", "versioning {\n    enabled = false",
        ["bucket.versioning"]),
    "a bucket that goes with all that is in it": (
        "gke/modules/bucket/main.tf", "force_destroy               = false", "force_destroy               = true",
        ["bucket.force_destroy"]),
    "a bucket that forgets what was deleted": (
        "gke/modules/bucket/main.tf", "var.retention_days * 24 * 60 * 60", "0",
        ["bucket.soft_delete_policy"]),
    "a bucket that deletes what is current": (
        "gke/modules/bucket/main.tf", '"ARCHIVED"', '"ANY"',
        ["bucket.lifecycle_rule"]),
    "a state that is kept for a week": (
        "gke/bootstrap/main.tf", "retention_days = 90", "retention_days = 7",
        ["state_bucket.bucket.soft_delete_policy"]),
    "a state in a bucket of another name": (
        "gke/bootstrap/main.tf", "-tofu-state", "-state",
        ["output.state_bucket"]),
    "backups writable by all": (
        "gke/storage.tf", "${local.workload}/ns/${each.value[0]}/sa/${each.value[1]}", "allAuthenticatedUsers",
        ["bucket_iam_member.backup_writers"]),
    "k3s: traefik stays": (
        "k3s/main.tf", '["traefik", "servicelb"]', '["servicelb"]',
        ["files[server-*/config.yaml]", "traefik"]),
    "k3s: two servers accepted": (
        "k3s/variables.tf", "contains([1, 3, 5, 7]", "contains([1, 2, 3, 5, 7]",
        ["refuses_two_servers", "var.nodes"]),
    "k3s: every pod on the GPU node": (
        "k3s/main.tf", "concat([local.gpu_taint], node.taints)", "node.taints",
        ["files[gpu-1/config.yaml]", "taint"]),
}
