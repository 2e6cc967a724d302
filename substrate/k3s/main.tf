# Renders what makes k3s out of machines that SSH reaches: a configuration file for each, and the
# commands in order. There is no provider and no resource: nothing is changed until somebody runs
# install.sh, and no token passes through here.

terraform {
  required_version = ">= 1.10.0"

  backend "local" {}
}

locals {
  nodes   = [for node in var.nodes : merge(node, { target = coalesce(node.ssh, "root@${node.address}") })]
  servers = [for node in local.nodes : node if node.role == "server"]
  agents  = [for node in local.nodes : node if node.role == "agent"]
  first   = try(local.servers[0], null)

  # The machine that the others join, and the address that kubectl uses.
  api = coalesce(var.api_address, try(local.first.address, null), "none")

  gpu_taint = "nvidia.com/gpu=present:NoSchedule"

  # Where every machine has a GPU, they have to take everything else too.
  gpus_everywhere = alltrue(var.nodes[*].gpu)

  common = {
    for node in var.nodes : node.name => {
      node-name = node.name
      node-ip   = node.address
      node-label = concat(
        ["tollgate.dev/pool=${node.gpu ? "gpu" : "cpu"}"],
        [for key, value in node.labels : "${key}=${value}"],
      )
      node-taint = node.gpu && !local.gpus_everywhere ? concat([local.gpu_taint], node.taints) : node.taints
    }
  }

  server = {
    disable                 = ["traefik", "servicelb"]
    secrets-encryption      = true
    write-kubeconfig-mode   = "0600"
    tls-san                 = distinct(compact([local.api, try(local.first.address, "")]))
    cluster-cidr            = var.pod_range
    service-cidr            = var.service_range
    flannel-backend         = var.encrypt_node_traffic ? "wireguard-native" : "vxlan"
    kube-apiserver-arg      = ["admission-control-config-file=/etc/rancher/k3s/pod-security.yaml"]
    etcd-snapshot-retention = 14
    agent-token-file        = "/etc/rancher/k3s/agent-token"
  }

  joins = { server = "https://${local.api}:6443" }

  # Filters in place of conditions, whose two sides would have to have the same keys.
  configs = {
    for node in var.nodes : node.name => merge(
      local.common[node.name],
      { for key, value in local.server : key => value if node.role == "server" },
      { for key, value in { cluster-init = true } : key => value if node.name == local.first.name },
      { for key, value in local.joins : key => value if node.name != local.first.name },
      { for key, value in local.joins : "token-file" => "/etc/rancher/k3s/${node.role == "server" ? "token" : "agent-token"}" if node.name != local.first.name },
    )
  }

  pod_security = templatefile("${path.module}/templates/pod-security.yaml.tftpl", { level = var.pod_security })

  install = templatefile("${path.module}/templates/install.sh.tftpl", {
    version = var.k3s_version
    sha256  = var.k3s_sha256
    first   = local.first
    servers = slice(local.servers, min(1, length(local.servers)), length(local.servers))
    agents  = local.agents
  })

  uninstall = templatefile("${path.module}/templates/uninstall.sh.tftpl", {
    name = var.name
    # Agents first, the first server last.
    nodes = concat(local.agents, reverse(local.servers))
  })
}
