output "files" {
  description = "Path → content. `make tf-apply SUBSTRATE=k3s` writes them to .tollgate/substrate/."
  value = merge(
    { for name, config in local.configs : "${name}/config.yaml" => yamlencode(config) },
    { for node in local.servers : "${node.name}/pod-security.yaml" => local.pod_security },
    { "install.sh" = local.install, "uninstall.sh" = local.uninstall },
  )
}

output "cluster_name" {
  value = var.name
}

output "api_server" {
  value = "https://${local.api}:6443"
}

output "edge_address" {
  value = coalesce(
    var.edge_address,
    try([for node in var.nodes : node.address if !node.gpu][0], null),
    try(var.nodes[0].address, null),
    "none",
  )
}

output "edge_on_gpu_nodes" {
  description = "Nothing where there is a machine without a GPU: the edge then stays off the others."
  value       = local.gpus_everywhere ? true : null
}

output "registry" {
  value = var.registry
}

output "gpu_nodes" {
  value = [for node in var.nodes : node.name if node.gpu]
}
