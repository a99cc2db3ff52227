//! What a district-app token may call.

use std::sync::Arc;

use clever_auth::{App, DistrictAppToken, tokens::grants};
use clever_model::{DistrictId, EventId, RecordKind, Role};
use clever_raw::drift::Drift;
use clever_raw::envelope::BarePage;
use clever_raw::operation::{DataOperation, List, Operation};
use clever_raw::page::RawPage;
use clever_raw::v3_1::operations::{
    GetCourses, GetDistricts, GetEvents, GetResources, GetSchools, GetSections, GetTerms, GetUsers,
};
use clever_raw::v3_1::types;
use futures_core::Stream;
use serde::de::DeserializeOwned;

use crate::call::{Bearer, Caller, Renewal};
use crate::error::{ClientError, SetupError, WalkError};
use crate::options::ClientOptions;
use crate::pages::element::Element;
use crate::pages::list::ListRequest;
use crate::pages::typed::TypedList;
use crate::sign_in::{LoginService, SignInError};

/// A district can't be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The client can't be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The login service did not give the district's token.
    #[error("the district's token could not be read")]
    SignIn(#[from] SignInError),
    /// The district has not connected the app, or not any more.
    #[error("the district {0} has not connected the app, or not any more")]
    NotConnected(DistrictId),
}

/// One district, as its district-app token opens it. Clones share the connection and the rate limit.
#[derive(Debug, Clone)]
pub struct District(pub(crate) Arc<Caller>);

impl District {
    /// Prepares calls with `token`; makes none.
    ///
    /// # Errors
    ///
    /// [`SetupError`] when the options can't work.
    pub fn new(options: ClientOptions, token: DistrictAppToken) -> Result<Self, SetupError> {
        let version = options.version.as_str();
        Caller::new(options, Bearer::District(token), version, None).map(Self)
    }

    /// Prepares calls for one of the app's districts, with its token of now.
    ///
    /// When Clever refuses the token, it is read again, once for all clones: districts' tokens change,
    /// their ids don't. So store the id.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect(
        options: ClientOptions,
        service: LoginService,
        app: App,
        district: DistrictId,
    ) -> Result<Self, ConnectError> {
        let grants = service.district_grants(&app, Some(&district)).await?;
        let Some(grant) = grants::current(&grants, &district) else {
            return Err(ConnectError::NotConnected(district));
        };
        let version = options.version.as_str();
        let token = Bearer::District(grant.token.clone());
        let renewal = Renewal {
            service,
            app,
            district,
            gate: tokio::sync::Mutex::default(),
        };
        Ok(Self(Caller::new(options, token, version, Some(renewal))?))
    }

    /// Where this client reads, and in which version: the API's address, without a user, password or query.
    #[must_use]
    pub fn reads_from(&self) -> String {
        self.0.reads_from()
    }

    /// Reads the district's own record, as a page of one.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`WalkError::NotOneDistrict`] when the token opens none or several.
    pub async fn district(&self) -> Result<RawPage, ClientError> {
        let page = self.list(RecordKind::Districts).first_page().await?;
        let error = |source| ClientError::Walk {
            path: template::<GetDistricts<'_>>(),
            source,
        };
        let more = page
            .next()
            .map_err(|fault| error(WalkError::Links { page: 1, fault }))?;
        let found = page.len() + page.refused().len() + usize::from(more.is_some());
        if found != 1 {
            return Err(error(WalkError::NotOneDistrict { found }));
        }
        Ok(page)
    }

    /// The list of all records of a kind, in the version that the options name.
    pub fn list(&self, kind: RecordKind) -> ListRequest {
        let list = match kind {
            // This one alone knows no size of pages.
            RecordKind::Districts => {
                ListRequest::whole(Arc::clone(&self.0), &GetDistricts::default())
            }
            RecordKind::Schools => self.pages(&GetSchools::default()),
            RecordKind::Terms => self.pages(&GetTerms::default()),
            RecordKind::Courses => self.pages(&GetCourses::default()),
            RecordKind::Users => self.pages(&GetUsers::default()),
            RecordKind::Sections => self.pages(&GetSections::default()),
            RecordKind::Resources => self.pages(&GetResources::default()),
        };
        list.in_version(self.0.version).own()
    }

    /// The event feed, oldest first, in the version that the options name; Clever keeps 30 days of it.
    pub fn events(&self) -> ListRequest {
        self.pages(&GetEvents::default())
            .in_version(self.0.version)
            .own()
    }

    /// A list of the API with parameters of its own, such as the users of a role at a school:
    ///
    /// ```no_run
    /// # fn f(district: &clever_client::District, school: &clever_model::SchoolId) {
    /// use clever_client::raw::v3_1::operations::GetUsersForSchool;
    ///
    /// let staff = GetUsersForSchool { role: Some("staff"), ..GetUsersForSchool::new(school.as_str()) };
    /// let pages = district.pages(&staff).pages();
    /// # }
    /// ```
    ///
    /// It is sent in the operation's own version.
    pub fn pages<O: List>(&self, list: &O) -> ListRequest {
        ListRequest::paged(Arc::clone(&self.0), list)
    }

    /// Reads a list whose records have no envelope: attendance marks and submissions, to the end or to an
    /// error.
    ///
    /// Key submissions by section, assignment and user: their `id` is empty in some systems. The links
    /// between their pages live for two hours.
    pub fn bare_records<O, T>(
        &self,
        list: &O,
    ) -> impl Stream<Item = Result<Element<T>, ClientError>> + Send + 'static + use<O, T>
    where
        O: List<Answer = BarePage<T>>,
        T: DeserializeOwned + Send + 'static,
    {
        self.pages(list).bare_records()
    }

    /// Sends any operation of the data API, in its own version, and reads its answer.
    ///
    /// A read is tried again if that may help. LMS Connect alone has writes, and Clever says of none that it
    /// can be repeated: a write is tried again only if it certainly had no effect.
    ///
    /// The operations of identity are no data, and need credentials of another kind:
    ///
    /// ```compile_fail,E0277
    /// # async fn f(district: &clever_client::District) {
    /// district.call(&clever_client::raw::v3_1::operations::GetTokenInfo).await;
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ClientError`]: of kind `NotShared` if the record is gone or not shared;
    /// [`ClientError::Unsure`] if a write may have had its effect. Look before you send it again; there is no
    /// list of assignments to look in, so keep your intent and let a person look.
    pub async fn call<O: DataOperation>(&self, operation: &O) -> Result<O::Answer, ClientError> {
        self.0.call(operation).await
    }

    /// Reads the id of the newest event; `None` when the feed is empty.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`WalkError::NoLastId`] when the newest event has no usable id: taken for an empty feed, it
    /// would set a cursor that skips events.
    pub async fn newest_event(&self) -> Result<Option<EventId>, ClientError> {
        let newest = self.events().newest().await?.map(EventId::new);
        newest.transpose().map_err(|_| ClientError::Walk {
            path: template::<GetEvents<'_>>(),
            source: WalkError::NoLastId,
        })
    }
}

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident: $kind:ident => $model:ident,)+) => {
        impl District {$(
            $(#[$doc])*
            pub fn $name(&self) -> TypedList<types::$model> {
                let kind = RecordKind::$kind;
                TypedList::new(self.list(kind), kind)
            }
        )+}
    };
}

typed! {
    /// All users, each once, with all their roles.
    users: Users => User,
    /// All schools.
    schools: Schools => School,
    /// All sections.
    sections: Sections => Section,
    /// All courses.
    courses: Courses => Course,
    /// All terms.
    terms: Terms => Term,
    /// All resources.
    resources: Resources => Resource,
}

impl District {
    /// The users of a role, each with all their roles.
    pub fn users_of(&self, role: Role) -> TypedList<types::User> {
        let operation = GetUsers {
            role: Some(role.as_str()),
            ..GetUsers::default()
        };
        let request = self.pages(&operation).in_version(self.0.version);
        TypedList::new(request, RecordKind::Users)
    }
}

impl District {
    /// What this client's typed lists have met so far that Clever's documents don't declare.
    #[must_use]
    pub fn drift(&self) -> Drift {
        self.0.drift.so_far()
    }
}

/// An operation's path, to be named in an error.
fn template<O: Operation>() -> String {
    format!("/{}{}", O::PLACE.version, O::PLACE.path)
}
