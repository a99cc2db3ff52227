//! By what a run can be found: the search attributes of `SyncDistrict` and `Hold`.

use std::collections::HashMap;

use temporalio_client::tonic::{Code, IntoRequest as _, Status};
use temporalio_client::{Client, NamespacedClient as _};
use temporalio_common::protos::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest,
};
use temporalio_common::search_attributes::{
    SearchAttributeKey, SearchAttributeUpdate, SearchAttributes,
};

use crate::payload::Job;

/// The district's id.
pub(crate) const DISTRICT: SearchAttributeKey<String> =
    SearchAttributeKey::keyword("CleverDistrict");
/// The credential's name.
pub(crate) const APP: SearchAttributeKey<String> = SearchAttributeKey::keyword("CleverApp");
/// How it ended, or how it stands, in a word.
pub(crate) const OUTCOME: SearchAttributeKey<String> = SearchAttributeKey::keyword("CleverOutcome");
/// The hash of what is held.
pub(crate) const HELD: SearchAttributeKey<String> = SearchAttributeKey::keyword("CleverHeld");
/// The seconds from when it was due to its end.
pub(crate) const LAG: SearchAttributeKey<i64> = SearchAttributeKey::int("CleverLag");

/// What a schedule was made from, as JSON: the engine lists this attribute, and lets it be changed, which it does with no memo
/// of a schedule.
pub(crate) const PLAN: SearchAttributeKey<String> = SearchAttributeKey::keyword("CleverPlan");

/// What is known of a run before it starts.
pub(crate) fn of(job: &Job) -> [SearchAttributeUpdate; 2] {
    [
        DISTRICT.value_set(job.district.clone()),
        APP.value_set(job.credential.clone()),
    ]
}

/// The same as one value.
pub(crate) fn set(job: &Job) -> SearchAttributes {
    SearchAttributes::new(of(job))
}

/// Makes the attributes where they are missing. Temporal Cloud lets only its own tool do so: docs/fleet.md has the command.
pub(crate) async fn register(client: &Client) -> Result<(), Box<Status>> {
    let kinds = [
        (DISTRICT.name(), DISTRICT.indexed_value_type()),
        (APP.name(), APP.indexed_value_type()),
        (OUTCOME.name(), OUTCOME.indexed_value_type()),
        (HELD.name(), HELD.indexed_value_type()),
        (LAG.name(), LAG.indexed_value_type()),
        (PLAN.name(), PLAN.indexed_value_type()),
    ];
    let mut operator = client.connection().operator_service();
    let request = ListSearchAttributesRequest {
        namespace: client.namespace(),
    };
    let there = match operator
        .list_search_attributes(request.into_request())
        .await
    {
        Ok(there) => there.into_inner().custom_attributes,
        // A managed engine keeps this to its own tool.
        Err(status) if matches!(status.code(), Code::PermissionDenied | Code::Unimplemented) => {
            return Ok(());
        }
        Err(status) => return Err(Box::new(status)),
    };
    let search_attributes: HashMap<String, i32> = kinds
        .into_iter()
        .filter(|(name, _)| !there.contains_key(*name))
        .map(|(name, kind)| (name.to_owned(), kind as i32))
        .collect();
    if search_attributes.is_empty() {
        return Ok(());
    }
    let request = AddSearchAttributesRequest {
        search_attributes,
        namespace: client.namespace(),
    };
    match operator.add_search_attributes(request.into_request()).await {
        Ok(_) => Ok(()),
        // Another process that starts now was first.
        Err(status) if status.code() == Code::AlreadyExists => Ok(()),
        Err(status) => Err(Box::new(status)),
    }
}
