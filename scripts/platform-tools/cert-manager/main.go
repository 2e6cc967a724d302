// cert-manager's controllers out of its released module, started as its own program starts them. That
// program lies in a module of its own (cmd/controller), which is not to be had; the controllers, and what
// reads their configuration, are packages of the released one.
//
//	cert-manager CONFIG
//
// CONFIG is a ControllerConfiguration, as the chart's ConfigMap has it, with `kubeConfig`. One process
// runs: there is no leader to elect, neither metrics nor health are served, and of `controllers` it takes "*".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/cert-manager/cert-manager/pkg/controller"
	// With its defaults, it names all controllers, which register themselves, as the kinds of issuers do.
	"github.com/cert-manager/cert-manager/pkg/controller/configfile"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	dns "github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/feature"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "cert-manager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, path string) error {
	file, err := read(path)
	if err != nil {
		return err
	}
	config := file.Config
	if err := logs.ValidateAndApply(&config.Logging); err != nil {
		return err
	}
	if err := feature.DefaultMutableFeatureGate.SetFromMap(config.FeatureGates); err != nil {
		return err
	}
	acme, err := acmeOptions(file)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		Kubeconfig:         config.KubeConfig,
		KubernetesAPIQPS:   config.KubernetesAPIQPS,
		KubernetesAPIBurst: config.KubernetesAPIBurst,
		Namespace:          config.Namespace,
		ACMEOptions:        acme,
		SchedulerOptions:   controller.SchedulerOptions{MaxConcurrentChallenges: config.MaxConcurrentChallenges},
		IssuerOptions: controller.IssuerOptions{
			ClusterIssuerAmbientCredentials: config.ClusterIssuerAmbientCredentials,
			IssuerAmbientCredentials:        config.IssuerAmbientCredentials,
			ClusterResourceNamespace:        config.ClusterResourceNamespace,
		},
		CertificateOptions: controller.CertificateOptions{
			EnableOwnerRef:                           config.EnableCertificateOwnerRef,
			CopiedAnnotationPrefixes:                 config.CopiedAnnotationPrefixes,
			CertificateRequestMinimumBackoffDuration: config.CertificateRequestMinimumBackoffDuration,
		},
		ConfigOptions: controller.ConfigOptions{EnableGatewayAPI: config.EnableGatewayAPI},
	})
	if err != nil {
		return err
	}
	if err := start(ctx, group, factory, config.NumberOfConcurrentWorkers); err != nil {
		return err
	}
	return group.Wait()
}

func read(path string) (*configfile.ControllerConfigFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file := configfile.New()
	return file, file.DecodeAndConfigure(text)
}

// start runs every controller that is on by default, each waiting for the informers that it shares.
func start(ctx context.Context, group *errgroup.Group, factory *controller.ContextFactory, workers int) error {
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	for name, construct := range controller.Known() {
		// Experimental, or for Gateways that name an issuer.
		if strings.HasPrefix(name, "certificatesigningrequests-") || name == "gateway-shim" && !shared.EnableGatewayAPI {
			continue
		}
		one, err := construct(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		group.Go(func() error { return one.Run(workers, ctx) })
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	if shared.EnableGatewayAPI {
		shared.GWShared.Start(ctx.Done())
	}
	return nil
}

func acmeOptions(file *configfile.ControllerConfigFile) (controller.ACMEOptions, error) {
	http, dns01 := file.Config.ACMEHTTP01Config, file.Config.ACMEDNS01Config
	options := controller.ACMEOptions{
		HTTP01SolverImage:            http.SolverImage,
		ACMEHTTP01SolverRunAsNonRoot: http.SolverRunAsNonRoot,
		HTTP01SolverNameservers:      http.SolverNameservers,
		DNS01Nameservers:             append(dns01.RecursiveNameservers, dns.RecursiveNameservers...),
		DNS01CheckRetryPeriod:        dns01.CheckRetryPeriod,
		DNS01CheckAuthoritative:      !dns01.RecursiveNameserversOnly,
	}
	var problems [4]error
	options.HTTP01SolverResourceRequestCPU, problems[0] = resource.ParseQuantity(http.SolverResourceRequestCPU)
	options.HTTP01SolverResourceRequestMemory, problems[1] = resource.ParseQuantity(http.SolverResourceRequestMemory)
	options.HTTP01SolverResourceLimitsCPU, problems[2] = resource.ParseQuantity(http.SolverResourceLimitsCPU)
	options.HTTP01SolverResourceLimitsMemory, problems[3] = resource.ParseQuantity(http.SolverResourceLimitsMemory)
	return options, errors.Join(problems[:]...)
}
