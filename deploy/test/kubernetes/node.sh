#!/bin/bash
# Process 1 of a node, in a network, a mount table, a process table and a host name of its own.
#
# Node 1 is the control plane too, and the other nodes are its children: when node 1 is killed, the kernel ends
# every process of the cluster and removes its mounts and network links.
#
# usage: node.sh NUMBER
# environment: NODES (their count), RUN (configuration and state), LOG, BIN (folders), CGROUP (of the cluster)
set -euo pipefail

node=$1
home=$RUN/n$node
cd "$RUN"
export PATH=$BIN:$PATH HOME=$home

start() { # LOG-NAME COMMAND...
    local log=$LOG/$1-$node.log
    shift
    "$@" >"$log" 2>&1 &
}

wait_for() { # FILE
    until [ -e "$1" ]; do sleep 0.1; done
}

mount_state() {
    mount --make-rshared /
    mkdir -p /run/netns /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers
    for folder in /run/netns /run/containerd /var/lib/cni /var/log/containers; do
        mount -t tmpfs node "$folder"
    done
    mount --bind "$home/kubelet" /var/lib/kubelet
    mount --make-rshared /var/lib/kubelet
}

create_cgroups() {
    for controller in /sys/fs/cgroup/*/; do
        [ -L "${controller%/}" ] || mkdir -p "$controller$CGROUP/n$node"
    done
    # A new cpuset is empty, and an empty one takes no process.
    for group in "$CGROUP" "$CGROUP/n$node"; do
        for file in cpuset.cpus cpuset.mems; do
            cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$group/$file"
        done
    done
    # The default share is that of one process: the pods of all nodes would starve beside a build.
    for group in "$CGROUP" "$CGROUP/n$node"; do
        echo 200000 >"/sys/fs/cgroup/cpu/$group/cpu.shares"
    done
}

# The nodes are ports of one bridge, which is in the network of node 1.
connect() {
    hostname "n$node"
    ip link set lo up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    if [ "$node" = 1 ]; then
        ip link add node0 type bridge
        # Traffic between nodes is switched, not filtered a second time; absent if the kernel has no such filter.
        sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null || true
    else
        until ip link show node0 >/dev/null 2>&1; do sleep 0.05; done
    fi
    ip addr add "10.88.0.$node/24" dev node0
    ip addr add "fd00:10:88::$node/64" dev node0 nodad
    ip link set node0 up
    # The kubelet finds its address by a default route; nothing answers at its gateway.
    ip route add default via 10.88.0.254
    for other in $(seq "$NODES"); do
        [ "$other" != "$node" ] || continue
        ip route add "10.244.$other.0/24" via "10.88.0.$other"
        ip -6 route add "fd00:10:244:$other::/64" via "fd00:10:88::$other"
    done
}

start_control_plane() {
    # Durability of the cluster's own state is worthless here: it ends with the cluster.
    start etcd etcd --data-dir "$RUN/etcd" --unsafe-no-fsync \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380
    # A lost node's pods are replaced after 10 s instead of 5 minutes, so that a scenario need not wait.
    start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 \
        --advertise-address 10.88.0.1 --secure-port 6443 --service-cluster-ip-range 10.96.0.0/16,fd00:10:96::/112 \
        --client-ca-file pki/ca.crt --tls-cert-file pki/apiserver.crt --tls-private-key-file pki/apiserver.key \
        --service-account-issuer https://kubernetes.default.svc \
        --service-account-key-file pki/service-accounts.pub \
        --service-account-signing-key-file pki/service-accounts.key \
        --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged=true \
        --default-not-ready-toleration-seconds 10 --default-unreachable-toleration-seconds 10 \
        --kubelet-client-certificate pki/apiserver-kubelet.crt --kubelet-client-key pki/apiserver-kubelet.key \
        --kubelet-certificate-authority pki/ca.crt --kubelet-preferred-address-types InternalIP \
        --requestheader-client-ca-file pki/front-proxy-ca.crt --requestheader-allowed-names front-proxy-client \
        --requestheader-extra-headers-prefix X-Remote-Extra- --requestheader-group-headers X-Remote-Group \
        --requestheader-username-headers X-Remote-User \
        --proxy-client-cert-file pki/front-proxy.crt --proxy-client-key-file pki/front-proxy.key \
        --enable-aggregator-routing=true
}

start_nodes() {
    local other parent process
    for other in $(seq 2 "$NODES"); do
        unshare --net --mount --uts --pid --fork --kill-child --mount-proc \
            bash "$RUN/node.sh" "$other" >"$LOG/node-$other.log" 2>&1 &
        parent=$!
        until process=$(pgrep -P "$parent"); do sleep 0.05; done
        ip link add "port$other" type veth peer name node0 netns "$process"
        ip link set "port$other" master node0 up
    done
}

start_controller() { # NAME OPTION...
    local name=$1
    shift
    start "$name" "$name" --kubeconfig "$name.kubeconfig" --authentication-kubeconfig "$name.kubeconfig" \
        --authorization-kubeconfig "$name.kubeconfig" --leader-elect=false "$@"
}

start_controllers() {
    # A node counts as lost after 12 s instead of 50, and the autoscaler acts within seconds instead of minutes.
    start_controller kube-controller-manager \
        --use-service-account-credentials --service-account-private-key-file pki/service-accounts.key \
        --root-ca-file pki/ca.crt --cluster-signing-cert-file pki/ca.crt --cluster-signing-key-file pki/ca.key \
        --node-monitor-period 2s --node-monitor-grace-period 12s \
        --horizontal-pod-autoscaler-sync-period 5s --horizontal-pod-autoscaler-downscale-stabilization 30s \
        --horizontal-pod-autoscaler-initial-readiness-delay 5s
    start_controller kube-scheduler
}

start_node_agents() {
    start kubelet kubelet --config "$home/kubelet.yaml" --kubeconfig "kubelet-$node.kubeconfig" \
        --node-ip "10.88.0.$node,fd00:10:88::$node" --hostname-override "n$node"
    start kube-proxy kube-proxy --config "$home/kube-proxy.yaml"
    # kube-router enforces NetworkPolicies, and needs the node's range of pod addresses.
    wait_for "node-$node.ready"
    start kube-router kube-router --kubeconfig admin.kubeconfig --hostname-override "n$node" \
        --run-firewall=true --run-router=false --run-service-proxy=false --enable-ipv6=true \
        --service-cluster-ip-range 10.96.0.0/16 --service-cluster-ip-range fd00:10:96::/112 --metrics-port 0
}

ulimit -n "$(ulimit -Hn)"
mount_state
connect
create_cgroups
start containerd containerd -c "$home/containerd.toml"
if [ "$node" = 1 ]; then
    start_control_plane
    start_nodes
    wait_for api.ready
    start_controllers
fi
wait_for images.ready
wait_for api.ready
start_node_agents
# Process 1 reaps orphans for as long as the node exists.
while :; do
    wait
    sleep 1
done
