// What each certificate may do, by its common name: "operator" administers, "control" and "guardian" run workflows, "host.<id>"
// serves the queues of one host, announces that host and asks whether a backup of a guest runs, "internode" is the cluster itself. Every other name is refused.
package main

import (
	"context"
	"strings"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/common/authorization"
)

const hostPrefix = "host."

// claimMapper takes the common name of the client's certificate as the caller's name.
type claimMapper struct{}

func (claimMapper) GetClaims(info *authorization.AuthInfo) (*authorization.Claims, error) {
	if info.TLSSubject == nil {
		return &authorization.Claims{}, nil
	}
	claims := &authorization.Claims{Subject: info.TLSSubject.CommonName}
	switch claims.Subject {
	case "operator", "internode":
		claims.System = authorization.RoleAdmin
	case "control", "guardian":
		claims.System = authorization.RoleWriter
	}
	return claims, nil
}

// authorizer is Temporal's own for everybody but hosts: their roles cannot say "this queue", so the request itself is read.
type authorizer struct{ roles authorization.Authorizer }

func (a authorizer) Authorize(
	ctx context.Context, caller *authorization.Claims, target *authorization.CallTarget,
) (authorization.Result, error) {
	if caller != nil {
		if id, isHost := strings.CutPrefix(caller.Subject, hostPrefix); isHost && hostMay(id, target.Request) {
			return authorization.Result{Decision: authorization.DecisionAllow}, nil
		}
	}
	return a.roles.Authorize(ctx, caller, target)
}

// hostMay lists the calls of a host worker, each bound to the queues or to the entity of that host.
func hostMay(id string, request any) bool {
	queue := func(name string) bool { return strings.HasPrefix(name, hostPrefix+id+".") }
	entity := func(workflow string) bool { return workflow == "host/"+id }
	// Which guests a host has is its own to say, so the answer about a guest goes to every host that knows the guest's id.
	backup := func(workflow string) bool { return strings.HasPrefix(workflow, "backup/") }
	switch r := request.(type) {
	case *workflowservice.PollActivityTaskQueueRequest:
		return queue(r.GetTaskQueue().GetName())
	case *workflowservice.DescribeTaskQueueRequest:
		return queue(r.GetTaskQueue().GetName())
	case *workflowservice.ShutdownWorkerRequest:
		return queue(r.GetTaskQueue()) || r.GetTaskQueue() == ""
	case *workflowservice.DescribeWorkflowExecutionRequest:
		return backup(r.GetExecution().GetWorkflowId())
	case *workflowservice.QueryWorkflowRequest:
		return entity(r.GetExecution().GetWorkflowId())
	case *workflowservice.PollWorkflowExecutionUpdateRequest:
		return entity(r.GetUpdateRef().GetWorkflowExecution().GetWorkflowId())
	case *workflowservice.ExecuteMultiOperationRequest:
		for _, operation := range r.GetOperations() {
			start, update := operation.GetStartWorkflow(), operation.GetUpdateWorkflow()
			if start != nil && !entity(start.GetWorkflowId()) || update != nil && !entity(update.GetWorkflowExecution().GetWorkflowId()) {
				return false
			}
		}
		return true
	// Bound to a task by a token that only the poller of its queue was given.
	case *workflowservice.RespondActivityTaskCompletedRequest,
		*workflowservice.RespondActivityTaskFailedRequest,
		*workflowservice.RespondActivityTaskCanceledRequest,
		*workflowservice.RecordActivityTaskHeartbeatRequest:
		return true
	case *workflowservice.DescribeNamespaceRequest, *workflowservice.RecordWorkerHeartbeatRequest:
		return true
	}
	return false
}
